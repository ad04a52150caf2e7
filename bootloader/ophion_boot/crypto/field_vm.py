"""A machine for the fields of curve25519 and P-256, in viper, for 32-bit firmware.

Written by tools/bench/crypto/make_field_vm.py: change that. An element is 20 limbs of 13 bits, signed,
in 20 words. The sizes of two factors may multiply to 6.2 at most: 1 is what `mul` and `norm` leave, 2 a sum
of two such or a loaded number, and so on. For 2^255 - 19 a product is reduced by 2^260 = 608; for P-256
by Montgomery's method with R = 2^260, and `norm` brings the number below 0.6 p. No branch and no address
depends on the value of an element.
"""
# ruff: noqa
# fmt: off
# mypy: ignore-errors

import micropython

import ophion_boot.crypto.word32


@micropython.viper
def run(c: int, x: int, regs: ptr32, prog: ptr8, steps: ptr8, count: int, tables: ptr32, mode: int):
    """Run the program of each step (kind, w). `c` and `x` are 0: they become the two register variables.

    `regs` is the file of elements. `prog` starts with the 16-bit places of the programs by kind; kinds 0 and
    1 + last are repeated w times. An instruction is (operation, result, operand, operand); operands from
    192 are 18 + w * stride + (operand - 192). `tables` are three addresses, of entries of `size` bytes for
    the operation that loads. `mode` is stride | size << 8 | P-256 << 16 | repeated kind << 20.
    """
    at = 0
    while at < count:
        kind = int(steps[at])
        w = int(steps[at + 1])
        at += 2
        n = 1
        if kind == 0 or kind == mode >> 20:
            n = w
        rel = w * (mode & 255) - 174
        start = prog[2 * kind] | prog[2 * kind + 1] << 8
        while n > 0:
            n -= 1
            pc = start
            while prog[pc] != 0:
                op = int(prog[pc])
                i = int(prog[pc + 1])
                j = int(prog[pc + 2])
                k = int(prog[pc + 3])
                pc += 4
                if i >= 192: i += rel
                if j >= 192: j += rel
                if k >= 192: k += rel
                R = ptr32(int(regs) + i * 80)
                A = ptr32(int(regs) + j * 80)
                B = ptr32(int(regs) + k * 80)
                if op <= 2:
                    if op == 1:
                        b0=B[0];b1=B[1];b2=B[2];b3=B[3];b4=B[4];b5=B[5];b6=B[6];b7=B[7];b8=B[8];b9=B[9];b10=B[10];b11=B[11];b12=B[12];b13=B[13];b14=B[14];b15=B[15];b16=B[16];b17=B[17];b18=B[18];b19=B[19]
                        x=A[0];t0=x*b0;t1=x*b1;t2=x*b2;t3=x*b3;t4=x*b4;t5=x*b5;t6=x*b6;t7=x*b7;t8=x*b8;t9=x*b9;t10=x*b10;t11=x*b11;t12=x*b12;t13=x*b13;t14=x*b14;t15=x*b15;t16=x*b16;t17=x*b17;t18=x*b18;t19=x*b19;x=A[1];t1=x*b0+t1;t2=x*b1+t2;t3=x*b2+t3;t4=x*b3+t4;t5=x*b4+t5;t6=x*b5+t6;t7=x*b6+t7;t8=x*b7+t8;t9=x*b8+t9;t10=x*b9+t10;t11=x*b10+t11;t12=x*b11+t12;t13=x*b12+t13;t14=x*b13+t14;t15=x*b14+t15;t16=x*b15+t16;t17=x*b16+t17;t18=x*b17+t18;t19=x*b18+t19;t20=x*b19
                        x=A[2];t2=x*b0+t2;t3=x*b1+t3;t4=x*b2+t4;t5=x*b3+t5;t6=x*b4+t6;t7=x*b5+t7;t8=x*b6+t8;t9=x*b7+t9;t10=x*b8+t10;t11=x*b9+t11;t12=x*b10+t12;t13=x*b11+t13;t14=x*b12+t14;t15=x*b13+t15;t16=x*b14+t16;t17=x*b15+t17;t18=x*b16+t18;t19=x*b17+t19;t20=x*b18+t20;t21=x*b19;x=A[3];t3=x*b0+t3;t4=x*b1+t4;t5=x*b2+t5;t6=x*b3+t6;t7=x*b4+t7;t8=x*b5+t8;t9=x*b6+t9;t10=x*b7+t10;t11=x*b8+t11;t12=x*b9+t12;t13=x*b10+t13;t14=x*b11+t14;t15=x*b12+t15;t16=x*b13+t16;t17=x*b14+t17;t18=x*b15+t18;t19=x*b16+t19;t20=x*b17+t20;t21=x*b18+t21;t22=x*b19
                        x=A[4];t4=x*b0+t4;t5=x*b1+t5;t6=x*b2+t6;t7=x*b3+t7;t8=x*b4+t8;t9=x*b5+t9;t10=x*b6+t10;t11=x*b7+t11;t12=x*b8+t12;t13=x*b9+t13;t14=x*b10+t14;t15=x*b11+t15;t16=x*b12+t16;t17=x*b13+t17;t18=x*b14+t18;t19=x*b15+t19;t20=x*b16+t20;t21=x*b17+t21;t22=x*b18+t22;t23=x*b19;x=A[5];t5=x*b0+t5;t6=x*b1+t6;t7=x*b2+t7;t8=x*b3+t8;t9=x*b4+t9;t10=x*b5+t10;t11=x*b6+t11;t12=x*b7+t12;t13=x*b8+t13;t14=x*b9+t14;t15=x*b10+t15;t16=x*b11+t16;t17=x*b12+t17;t18=x*b13+t18;t19=x*b14+t19;t20=x*b15+t20;t21=x*b16+t21;t22=x*b17+t22;t23=x*b18+t23;t24=x*b19
                        x=A[6];t6=x*b0+t6;t7=x*b1+t7;t8=x*b2+t8;t9=x*b3+t9;t10=x*b4+t10;t11=x*b5+t11;t12=x*b6+t12;t13=x*b7+t13;t14=x*b8+t14;t15=x*b9+t15;t16=x*b10+t16;t17=x*b11+t17;t18=x*b12+t18;t19=x*b13+t19;t20=x*b14+t20;t21=x*b15+t21;t22=x*b16+t22;t23=x*b17+t23;t24=x*b18+t24;t25=x*b19;x=A[7];t7=x*b0+t7;t8=x*b1+t8;t9=x*b2+t9;t10=x*b3+t10;t11=x*b4+t11;t12=x*b5+t12;t13=x*b6+t13;t14=x*b7+t14;t15=x*b8+t15;t16=x*b9+t16;t17=x*b10+t17;t18=x*b11+t18;t19=x*b12+t19;t20=x*b13+t20;t21=x*b14+t21;t22=x*b15+t22;t23=x*b16+t23;t24=x*b17+t24;t25=x*b18+t25;t26=x*b19
                        x=A[8];t8=x*b0+t8;t9=x*b1+t9;t10=x*b2+t10;t11=x*b3+t11;t12=x*b4+t12;t13=x*b5+t13;t14=x*b6+t14;t15=x*b7+t15;t16=x*b8+t16;t17=x*b9+t17;t18=x*b10+t18;t19=x*b11+t19;t20=x*b12+t20;t21=x*b13+t21;t22=x*b14+t22;t23=x*b15+t23;t24=x*b16+t24;t25=x*b17+t25;t26=x*b18+t26;t27=x*b19;x=A[9];t9=x*b0+t9;t10=x*b1+t10;t11=x*b2+t11;t12=x*b3+t12;t13=x*b4+t13;t14=x*b5+t14;t15=x*b6+t15;t16=x*b7+t16;t17=x*b8+t17;t18=x*b9+t18;t19=x*b10+t19;t20=x*b11+t20;t21=x*b12+t21;t22=x*b13+t22;t23=x*b14+t23;t24=x*b15+t24;t25=x*b16+t25;t26=x*b17+t26;t27=x*b18+t27;t28=x*b19
                        x=A[10];t10=x*b0+t10;t11=x*b1+t11;t12=x*b2+t12;t13=x*b3+t13;t14=x*b4+t14;t15=x*b5+t15;t16=x*b6+t16;t17=x*b7+t17;t18=x*b8+t18;t19=x*b9+t19;t20=x*b10+t20;t21=x*b11+t21;t22=x*b12+t22;t23=x*b13+t23;t24=x*b14+t24;t25=x*b15+t25;t26=x*b16+t26;t27=x*b17+t27;t28=x*b18+t28;t29=x*b19;x=A[11];t11=x*b0+t11;t12=x*b1+t12;t13=x*b2+t13;t14=x*b3+t14;t15=x*b4+t15;t16=x*b5+t16;t17=x*b6+t17;t18=x*b7+t18;t19=x*b8+t19;t20=x*b9+t20;t21=x*b10+t21;t22=x*b11+t22;t23=x*b12+t23;t24=x*b13+t24;t25=x*b14+t25;t26=x*b15+t26;t27=x*b16+t27;t28=x*b17+t28;t29=x*b18+t29;t30=x*b19
                        x=A[12];t12=x*b0+t12;t13=x*b1+t13;t14=x*b2+t14;t15=x*b3+t15;t16=x*b4+t16;t17=x*b5+t17;t18=x*b6+t18;t19=x*b7+t19;t20=x*b8+t20;t21=x*b9+t21;t22=x*b10+t22;t23=x*b11+t23;t24=x*b12+t24;t25=x*b13+t25;t26=x*b14+t26;t27=x*b15+t27;t28=x*b16+t28;t29=x*b17+t29;t30=x*b18+t30;t31=x*b19;x=A[13];t13=x*b0+t13;t14=x*b1+t14;t15=x*b2+t15;t16=x*b3+t16;t17=x*b4+t17;t18=x*b5+t18;t19=x*b6+t19;t20=x*b7+t20;t21=x*b8+t21;t22=x*b9+t22;t23=x*b10+t23;t24=x*b11+t24;t25=x*b12+t25;t26=x*b13+t26;t27=x*b14+t27;t28=x*b15+t28;t29=x*b16+t29;t30=x*b17+t30;t31=x*b18+t31;t32=x*b19
                        x=A[14];t14=x*b0+t14;t15=x*b1+t15;t16=x*b2+t16;t17=x*b3+t17;t18=x*b4+t18;t19=x*b5+t19;t20=x*b6+t20;t21=x*b7+t21;t22=x*b8+t22;t23=x*b9+t23;t24=x*b10+t24;t25=x*b11+t25;t26=x*b12+t26;t27=x*b13+t27;t28=x*b14+t28;t29=x*b15+t29;t30=x*b16+t30;t31=x*b17+t31;t32=x*b18+t32;t33=x*b19;x=A[15];t15=x*b0+t15;t16=x*b1+t16;t17=x*b2+t17;t18=x*b3+t18;t19=x*b4+t19;t20=x*b5+t20;t21=x*b6+t21;t22=x*b7+t22;t23=x*b8+t23;t24=x*b9+t24;t25=x*b10+t25;t26=x*b11+t26;t27=x*b12+t27;t28=x*b13+t28;t29=x*b14+t29;t30=x*b15+t30;t31=x*b16+t31;t32=x*b17+t32;t33=x*b18+t33;t34=x*b19
                        x=A[16];t16=x*b0+t16;t17=x*b1+t17;t18=x*b2+t18;t19=x*b3+t19;t20=x*b4+t20;t21=x*b5+t21;t22=x*b6+t22;t23=x*b7+t23;t24=x*b8+t24;t25=x*b9+t25;t26=x*b10+t26;t27=x*b11+t27;t28=x*b12+t28;t29=x*b13+t29;t30=x*b14+t30;t31=x*b15+t31;t32=x*b16+t32;t33=x*b17+t33;t34=x*b18+t34;t35=x*b19;x=A[17];t17=x*b0+t17;t18=x*b1+t18;t19=x*b2+t19;t20=x*b3+t20;t21=x*b4+t21;t22=x*b5+t22;t23=x*b6+t23;t24=x*b7+t24;t25=x*b8+t25;t26=x*b9+t26;t27=x*b10+t27;t28=x*b11+t28;t29=x*b12+t29;t30=x*b13+t30;t31=x*b14+t31;t32=x*b15+t32;t33=x*b16+t33;t34=x*b17+t34;t35=x*b18+t35;t36=x*b19
                        x=A[18];t18=x*b0+t18;t19=x*b1+t19;t20=x*b2+t20;t21=x*b3+t21;t22=x*b4+t22;t23=x*b5+t23;t24=x*b6+t24;t25=x*b7+t25;t26=x*b8+t26;t27=x*b9+t27;t28=x*b10+t28;t29=x*b11+t29;t30=x*b12+t30;t31=x*b13+t31;t32=x*b14+t32;t33=x*b15+t33;t34=x*b16+t34;t35=x*b17+t35;t36=x*b18+t36;t37=x*b19;x=A[19];t19=x*b0+t19;t20=x*b1+t20;t21=x*b2+t21;t22=x*b3+t22;t23=x*b4+t23;t24=x*b5+t24;t25=x*b6+t25;t26=x*b7+t26;t27=x*b8+t27;t28=x*b9+t28;t29=x*b10+t29;t30=x*b11+t30;t31=x*b12+t31;t32=x*b13+t32;t33=x*b14+t33;t34=x*b15+t34;t35=x*b16+t35;t36=x*b17+t36;t37=x*b18+t37;t38=x*b19
                    else:
                        b0=A[0];b1=A[1];b2=A[2];b3=A[3];b4=A[4];b5=A[5];b6=A[6];b7=A[7];b8=A[8];b9=A[9];b10=A[10];b11=A[11];b12=A[12];b13=A[13];b14=A[14];b15=A[15];b16=A[16];b17=A[17];b18=A[18];b19=A[19]
                        x=b0;t0=x*x;x=x+x;t1=x*b1;t2=x*b2;t3=x*b3;t4=x*b4;t5=x*b5;t6=x*b6;t7=x*b7;t8=x*b8;t9=x*b9;t10=x*b10;t11=x*b11;t12=x*b12;t13=x*b13;t14=x*b14;t15=x*b15;t16=x*b16;t17=x*b17;t18=x*b18;t19=x*b19;x=b1;t2=x*x+t2;x=x+x;t3=x*b2+t3;t4=x*b3+t4;t5=x*b4+t5;t6=x*b5+t6;t7=x*b6+t7;t8=x*b7+t8;t9=x*b8+t9;t10=x*b9+t10;t11=x*b10+t11;t12=x*b11+t12;t13=x*b12+t13;t14=x*b13+t14;t15=x*b14+t15;t16=x*b15+t16;t17=x*b16+t17;t18=x*b17+t18;t19=x*b18+t19;t20=x*b19;x=b2;t4=x*x+t4;x=x+x;t5=x*b3+t5;t6=x*b4+t6;t7=x*b5+t7;t8=x*b6+t8;t9=x*b7+t9;t10=x*b8+t10;t11=x*b9+t11;t12=x*b10+t12;t13=x*b11+t13;t14=x*b12+t14;t15=x*b13+t15;t16=x*b14+t16;t17=x*b15+t17;t18=x*b16+t18;t19=x*b17+t19;t20=x*b18+t20;t21=x*b19;x=b3;t6=x*x+t6;x=x+x;t7=x*b4+t7;t8=x*b5+t8;t9=x*b6+t9;t10=x*b7+t10;t11=x*b8+t11;t12=x*b9+t12;t13=x*b10+t13;t14=x*b11+t14;t15=x*b12+t15;t16=x*b13+t16;t17=x*b14+t17;t18=x*b15+t18;t19=x*b16+t19;t20=x*b17+t20;t21=x*b18+t21;t22=x*b19
                        x=b4;t8=x*x+t8;x=x+x;t9=x*b5+t9;t10=x*b6+t10;t11=x*b7+t11;t12=x*b8+t12;t13=x*b9+t13;t14=x*b10+t14;t15=x*b11+t15;t16=x*b12+t16;t17=x*b13+t17;t18=x*b14+t18;t19=x*b15+t19;t20=x*b16+t20;t21=x*b17+t21;t22=x*b18+t22;t23=x*b19;x=b5;t10=x*x+t10;x=x+x;t11=x*b6+t11;t12=x*b7+t12;t13=x*b8+t13;t14=x*b9+t14;t15=x*b10+t15;t16=x*b11+t16;t17=x*b12+t17;t18=x*b13+t18;t19=x*b14+t19;t20=x*b15+t20;t21=x*b16+t21;t22=x*b17+t22;t23=x*b18+t23;t24=x*b19;x=b6;t12=x*x+t12;x=x+x;t13=x*b7+t13;t14=x*b8+t14;t15=x*b9+t15;t16=x*b10+t16;t17=x*b11+t17;t18=x*b12+t18;t19=x*b13+t19;t20=x*b14+t20;t21=x*b15+t21;t22=x*b16+t22;t23=x*b17+t23;t24=x*b18+t24;t25=x*b19;x=b7;t14=x*x+t14;x=x+x;t15=x*b8+t15;t16=x*b9+t16;t17=x*b10+t17;t18=x*b11+t18;t19=x*b12+t19;t20=x*b13+t20;t21=x*b14+t21;t22=x*b15+t22;t23=x*b16+t23;t24=x*b17+t24;t25=x*b18+t25;t26=x*b19
                        x=b8;t16=x*x+t16;x=x+x;t17=x*b9+t17;t18=x*b10+t18;t19=x*b11+t19;t20=x*b12+t20;t21=x*b13+t21;t22=x*b14+t22;t23=x*b15+t23;t24=x*b16+t24;t25=x*b17+t25;t26=x*b18+t26;t27=x*b19;x=b9;t18=x*x+t18;x=x+x;t19=x*b10+t19;t20=x*b11+t20;t21=x*b12+t21;t22=x*b13+t22;t23=x*b14+t23;t24=x*b15+t24;t25=x*b16+t25;t26=x*b17+t26;t27=x*b18+t27;t28=x*b19;x=b10;t20=x*x+t20;x=x+x;t21=x*b11+t21;t22=x*b12+t22;t23=x*b13+t23;t24=x*b14+t24;t25=x*b15+t25;t26=x*b16+t26;t27=x*b17+t27;t28=x*b18+t28;t29=x*b19;x=b11;t22=x*x+t22;x=x+x;t23=x*b12+t23;t24=x*b13+t24;t25=x*b14+t25;t26=x*b15+t26;t27=x*b16+t27;t28=x*b17+t28;t29=x*b18+t29;t30=x*b19
                        x=b12;t24=x*x+t24;x=x+x;t25=x*b13+t25;t26=x*b14+t26;t27=x*b15+t27;t28=x*b16+t28;t29=x*b17+t29;t30=x*b18+t30;t31=x*b19;x=b13;t26=x*x+t26;x=x+x;t27=x*b14+t27;t28=x*b15+t28;t29=x*b16+t29;t30=x*b17+t30;t31=x*b18+t31;t32=x*b19;x=b14;t28=x*x+t28;x=x+x;t29=x*b15+t29;t30=x*b16+t30;t31=x*b17+t31;t32=x*b18+t32;t33=x*b19;x=b15;t30=x*x+t30;x=x+x;t31=x*b16+t31;t32=x*b17+t32;t33=x*b18+t33;t34=x*b19
                        x=b16;t32=x*x+t32;x=x+x;t33=x*b17+t33;t34=x*b18+t34;t35=x*b19;x=b17;t34=x*x+t34;x=x+x;t35=x*b18+t35;t36=x*b19;x=b18;t36=x*x+t36;x=x+x;t37=x*b19;x=b19;t38=x*x
                    if mode & 65536:
                        x=8191;c=t0;t0=c&x;c=(c>>13)+t1;t1=c&x;c=(c>>13)+t2;t2=c&x;c=(c>>13)+t3;t3=c&x;c=(c>>13)+t4;t4=c&x;c=(c>>13)+t5;t5=c&x;c=(c>>13)+t6;t6=c&x;c=(c>>13)+t7+(t0<<5);t7=c&x;c=(c>>13)+t8+(t1<<5);t8=c&x;c=(c>>13)+t9+(t2<<5);t9=c&x;c=(c>>13)+t10+(t3<<5);t10=c&x;c=(c>>13)+t11+(t4<<5);t11=c&x;c=(c>>13)+t12+(t5<<5);t12=c&x;c=(c>>13)+t13+(t6<<5);t13=c&x;c=(c>>13)+t14+(t7<<5)+(t0<<10);t14=c&x;c=(c>>13)+t15+(t8<<5)+(t1<<10);t15=c&x;c=(c>>13)+t16+(t9<<5)+(t2<<10);t16=c&x;c=(c>>13)+t17+(t10<<5)+(t3<<10)-(t0<<3);t17=c&x;c=(c>>13)+t18+(t11<<5)+(t4<<10)-(t1<<3);t18=c&x;c=(c>>13)+t19+(t12<<5)+(t5<<10)-(t2<<3)+(t0<<9);t19=c&x
                        c=(c>>13)+t20+(t13<<5)+(t6<<10)-(t3<<3)+(t1<<9)+4096;R[0]=(c&x)-4096;c=(c>>13)+t21+(t14<<5)+(t7<<10)-(t4<<3)+(t2<<9)+4096;R[1]=(c&x)-4096;c=(c>>13)+t22+(t15<<5)+(t8<<10)-(t5<<3)+(t3<<9)+4096;R[2]=(c&x)-4096;c=(c>>13)+t23+(t16<<5)+(t9<<10)-(t6<<3)+(t4<<9)+4096;R[3]=(c&x)-4096;c=(c>>13)+t24+(t17<<5)+(t10<<10)-(t7<<3)+(t5<<9)+4096;R[4]=(c&x)-4096;c=(c>>13)+t25+(t18<<5)+(t11<<10)-(t8<<3)+(t6<<9)+4096;R[5]=(c&x)-4096;c=(c>>13)+t26+(t19<<5)+(t12<<10)-(t9<<3)+(t7<<9)+4096;R[6]=(c&x)-4096;c=(c>>13)+t27+(t13<<10)-(t10<<3)+(t8<<9)+4096;R[7]=(c&x)-4096;c=(c>>13)+t28+(t14<<10)-(t11<<3)+(t9<<9)+4096;R[8]=(c&x)-4096;c=(c>>13)+t29+(t15<<10)-(t12<<3)+(t10<<9)+4096;R[9]=(c&x)-4096;c=(c>>13)+t30+(t16<<10)-(t13<<3)+(t11<<9)+4096;R[10]=(c&x)-4096;c=(c>>13)+t31+(t17<<10)-(t14<<3)+(t12<<9)+4096;R[11]=(c&x)-4096;c=(c>>13)+t32+(t18<<10)-(t15<<3)+(t13<<9)+4096;R[12]=(c&x)-4096;c=(c>>13)+t33+(t19<<10)-(t16<<3)+(t14<<9)+4096;R[13]=(c&x)-4096;c=(c>>13)+t34-(t17<<3)+(t15<<9)+4096;R[14]=(c&x)-4096;c=(c>>13)+t35-(t18<<3)+(t16<<9)+4096;R[15]=(c&x)-4096;c=(c>>13)+t36-(t19<<3)+(t17<<9)+4096;R[16]=(c&x)-4096;c=(c>>13)+t37+(t18<<9)+4096;R[17]=(c&x)-4096;c=(c>>13)+t38+(t19<<9)+4096;R[18]=(c&x)-4096;R[19]=c>>13
                    else:
                        x=8191;c=t20;t20=c&x;c=(c>>13)+t21;t21=c&x;c=(c>>13)+t22;t22=c&x;c=(c>>13)+t23;t23=c&x;c=(c>>13)+t24;t24=c&x;c=(c>>13)+t25;t25=c&x;c=(c>>13)+t26;t26=c&x;c=(c>>13)+t27;t27=c&x;c=(c>>13)+t28;t28=c&x;c=(c>>13)+t29;t29=c&x;c=(c>>13)+t30;t30=c&x;c=(c>>13)+t31;t31=c&x;c=(c>>13)+t32;t32=c&x;c=(c>>13)+t33;t33=c&x;c=(c>>13)+t34;t34=c&x;c=(c>>13)+t35;t35=c&x;c=(c>>13)+t36;t36=c&x;c=(c>>13)+t37;t37=c&x;c=(c>>13)+t38;t38=c&x;t39=c>>13
                        c=t20*608+t0+4096;R[0]=(c&x)-4096;c=(c>>13)+t21*608+t1+4096;R[1]=(c&x)-4096;c=(c>>13)+t22*608+t2+4096;R[2]=(c&x)-4096;c=(c>>13)+t23*608+t3+4096;R[3]=(c&x)-4096;c=(c>>13)+t24*608+t4+4096;R[4]=(c&x)-4096;c=(c>>13)+t25*608+t5+4096;R[5]=(c&x)-4096;c=(c>>13)+t26*608+t6+4096;R[6]=(c&x)-4096;c=(c>>13)+t27*608+t7+4096;R[7]=(c&x)-4096;c=(c>>13)+t28*608+t8+4096;R[8]=(c&x)-4096;c=(c>>13)+t29*608+t9+4096;R[9]=(c&x)-4096;c=(c>>13)+t30*608+t10+4096;R[10]=(c&x)-4096;c=(c>>13)+t31*608+t11+4096;R[11]=(c&x)-4096;c=(c>>13)+t32*608+t12+4096;R[12]=(c&x)-4096;c=(c>>13)+t33*608+t13+4096;R[13]=(c&x)-4096;c=(c>>13)+t34*608+t14+4096;R[14]=(c&x)-4096;c=(c>>13)+t35*608+t15+4096;R[15]=(c&x)-4096;c=(c>>13)+t36*608+t16+4096;R[16]=(c&x)-4096;c=(c>>13)+t37*608+t17+4096;R[17]=(c&x)-4096;c=(c>>13)+t38*608+t18+4096;R[18]=(c&x)-4096;c=(c>>13)+t39*608+t19+4096;R[19]=(c&x)-4096
                        c=(c>>13)*608+R[0]+4096;R[0]=(c&x)-4096;c=(c>>13)+R[1]+4096;R[1]=(c&x)-4096;R[2]=R[2]+(c>>13)
                elif op == 3:
                    R[0]=A[0]+B[0];R[1]=A[1]+B[1];R[2]=A[2]+B[2];R[3]=A[3]+B[3];R[4]=A[4]+B[4];R[5]=A[5]+B[5];R[6]=A[6]+B[6];R[7]=A[7]+B[7];R[8]=A[8]+B[8];R[9]=A[9]+B[9];R[10]=A[10]+B[10];R[11]=A[11]+B[11];R[12]=A[12]+B[12];R[13]=A[13]+B[13];R[14]=A[14]+B[14];R[15]=A[15]+B[15];R[16]=A[16]+B[16];R[17]=A[17]+B[17];R[18]=A[18]+B[18];R[19]=A[19]+B[19]
                elif op == 4:
                    R[0]=A[0]-B[0];R[1]=A[1]-B[1];R[2]=A[2]-B[2];R[3]=A[3]-B[3];R[4]=A[4]-B[4];R[5]=A[5]-B[5];R[6]=A[6]-B[6];R[7]=A[7]-B[7];R[8]=A[8]-B[8];R[9]=A[9]-B[9];R[10]=A[10]-B[10];R[11]=A[11]-B[11];R[12]=A[12]-B[12];R[13]=A[13]-B[13];R[14]=A[14]-B[14];R[15]=A[15]-B[15];R[16]=A[16]-B[16];R[17]=A[17]-B[17];R[18]=A[18]-B[18];R[19]=A[19]-B[19]
                elif op == 5:
                    if mode & 65536:
                        t0=A[19]+256>>9;x=8191;c=A[0]+t0+4096;R[0]=(c&x)-4096;c=(c>>13)+A[1]+4096;R[1]=(c&x)-4096;c=(c>>13)+A[2]+4096;R[2]=(c&x)-4096;c=(c>>13)+A[3]+4096;R[3]=(c&x)-4096;c=(c>>13)+A[4]+4096;R[4]=(c&x)-4096;c=(c>>13)+A[5]+4096;R[5]=(c&x)-4096;c=(c>>13)+A[6]+4096;R[6]=(c&x)-4096;c=(c>>13)+A[7]-(t0<<5)+4096;R[7]=(c&x)-4096;c=(c>>13)+A[8]+4096;R[8]=(c&x)-4096;c=(c>>13)+A[9]+4096;R[9]=(c&x)-4096;c=(c>>13)+A[10]+4096;R[10]=(c&x)-4096;c=(c>>13)+A[11]+4096;R[11]=(c&x)-4096;c=(c>>13)+A[12]+4096;R[12]=(c&x)-4096;c=(c>>13)+A[13]+4096;R[13]=(c&x)-4096;c=(c>>13)+A[14]-(t0<<10)+4096;R[14]=(c&x)-4096;c=(c>>13)+A[15]+4096;R[15]=(c&x)-4096;c=(c>>13)+A[16]+4096;R[16]=(c&x)-4096;c=(c>>13)+A[17]+(t0<<3)+4096;R[17]=(c&x)-4096;c=(c>>13)+A[18]+4096;R[18]=(c&x)-4096;R[19]=(c>>13)+A[19]-(t0<<9)
                    else:
                        x=8191;c=A[0]+4096;R[0]=(c&x)-4096;c=(c>>13)+A[1]+4096;R[1]=(c&x)-4096;c=(c>>13)+A[2]+4096;R[2]=(c&x)-4096;c=(c>>13)+A[3]+4096;R[3]=(c&x)-4096;c=(c>>13)+A[4]+4096;R[4]=(c&x)-4096;c=(c>>13)+A[5]+4096;R[5]=(c&x)-4096;c=(c>>13)+A[6]+4096;R[6]=(c&x)-4096;c=(c>>13)+A[7]+4096;R[7]=(c&x)-4096;c=(c>>13)+A[8]+4096;R[8]=(c&x)-4096;c=(c>>13)+A[9]+4096;R[9]=(c&x)-4096;c=(c>>13)+A[10]+4096;R[10]=(c&x)-4096;c=(c>>13)+A[11]+4096;R[11]=(c&x)-4096;c=(c>>13)+A[12]+4096;R[12]=(c&x)-4096;c=(c>>13)+A[13]+4096;R[13]=(c&x)-4096;c=(c>>13)+A[14]+4096;R[14]=(c&x)-4096;c=(c>>13)+A[15]+4096;R[15]=(c&x)-4096;c=(c>>13)+A[16]+4096;R[16]=(c&x)-4096;c=(c>>13)+A[17]+4096;R[17]=(c&x)-4096;c=(c>>13)+A[18]+4096;R[18]=(c&x)-4096;c=(c>>13)+A[19]+4096;R[19]=(c&x)-4096;c=(c>>13)*608+R[0]+4096;R[0]=(c&x)-4096;c=(c>>13)+R[1]+4096;R[1]=(c&x)-4096;R[2]=R[2]+(c>>13)
                elif op == 6:
                    x = int(tables[int(prog[pc - 2])]) + w * (mode >> 8 & 255) + 32 * int(prog[pc - 1])
                    c=ptr8(x)[0]|(ptr8(x)[1]<<8);R[0]=c&8191;c=c>>13;c=c|(ptr8(x)[2]<<3)|(ptr8(x)[3]<<11);R[1]=c&8191;c=c>>13;c=c|(ptr8(x)[4]<<6);R[2]=c&8191;c=c>>13;c=c|(ptr8(x)[5]<<1)|(ptr8(x)[6]<<9);R[3]=c&8191;c=c>>13;c=c|(ptr8(x)[7]<<4)|(ptr8(x)[8]<<12);R[4]=c&8191;c=c>>13;c=c|(ptr8(x)[9]<<7);R[5]=c&8191;c=c>>13;c=c|(ptr8(x)[10]<<2)|(ptr8(x)[11]<<10);R[6]=c&8191;c=c>>13;c=c|(ptr8(x)[12]<<5);R[7]=c&8191;c=c>>13;c=ptr8(x)[13]|(ptr8(x)[14]<<8);R[8]=c&8191;c=c>>13;c=c|(ptr8(x)[15]<<3)|(ptr8(x)[16]<<11);R[9]=c&8191;c=c>>13;c=c|(ptr8(x)[17]<<6);R[10]=c&8191;c=c>>13;c=c|(ptr8(x)[18]<<1)|(ptr8(x)[19]<<9);R[11]=c&8191;c=c>>13;c=c|(ptr8(x)[20]<<4)|(ptr8(x)[21]<<12);R[12]=c&8191;c=c>>13;c=c|(ptr8(x)[22]<<7);R[13]=c&8191;c=c>>13;c=c|(ptr8(x)[23]<<2)|(ptr8(x)[24]<<10);R[14]=c&8191;c=c>>13;c=c|(ptr8(x)[25]<<5);R[15]=c&8191;c=c>>13;c=ptr8(x)[26]|(ptr8(x)[27]<<8);R[16]=c&8191;c=c>>13;c=c|(ptr8(x)[28]<<3)|(ptr8(x)[29]<<11);R[17]=c&8191;c=c>>13;c=c|(ptr8(x)[30]<<6);R[18]=c&8191;c=c>>13;c=c|(ptr8(x)[31]<<1);R[19]=c&8191
                else:
                    x = w
                    if op == 7: x = 121665
                    R[0]=A[0]*x;R[1]=A[1]*x;R[2]=A[2]*x;R[3]=A[3]*x;R[4]=A[4]*x;R[5]=A[5]*x;R[6]=A[6]*x;R[7]=A[7]*x;R[8]=A[8]*x;R[9]=A[9]*x;R[10]=A[10]*x;R[11]=A[11]*x;R[12]=A[12]*x;R[13]=A[13]*x;R[14]=A[14]*x;R[15]=A[15]*x;R[16]=A[16]*x;R[17]=A[17]*x;R[18]=A[18]*x;R[19]=A[19]*x


@micropython.viper
def get(regs: ptr32, i: int, out: ptr8):
    """Element `i` as 33 bytes, little-endian, two's complement."""
    i *= 20
    c = 0
    held = 0
    bits = 0
    o = 0
    for k in range(20):
        c += regs[i + k]
        held |= (c & 8191) << bits
        c >>= 13
        bits += 13
        while bits >= 8:
            out[o] = held
            held >>= 8
            bits -= 8
            o += 1
    out[o] = held | c << bits
