"""A machine for the field of curve25519, in viper, for 32-bit firmware, and its programs.

Written by tools/bench/crypto/make_field_vm.py: change that. An element is 20 limbs of 13 bits, signed,
in 20 words. The sizes of two factors may multiply to 6.2 at most: 1 is what `mul` and `norm` leave, 2 a sum
of two such or a loaded number, and so on. A product is reduced by 2^260 = 608.
No branch and no address depends on the value of an element.
"""
# ruff: noqa
# fmt: off
# mypy: ignore-errors

import micropython

import ophion_boot.crypto.word32

CODE = (
    b"\x22\x00\x5b\x00\x94\x00\xcd\x00\x16\x01\x5f\x01\xa8\x01\xf1\x01\x0e\x02\x23\x02\x28\x02\x2d\x02"
    b"\x32\x02\x37\x02\xa4\x02\xb5\x02\xde\x02\x02\x07\x00\x00\x02\x08\x01\x00\x03\x09\x00\x01\x02\x09"
    b"\x09\x00\x02\x05\x02\x00\x03\x05\x05\x05\x03\x04\x07\x08\x04\x03\x04\x09\x04\x06\x07\x08\x03\x05"
    b"\x05\x06\x05\x05\x05\x00\x01\x00\x03\x05\x01\x01\x06\x04\x01\x02\x05\x06\x00\x01\x0a\x02\xc3\x01"
    b"\x09\x03\x04\x01\x09\x09\xc2\x04\x07\x01\x00\x01\x07\x07\xc1\x03\x08\x01\x00\x01\x08\x08\xc0\x04"
    b"\x03\x08\x07\x04\x05\x0a\x09\x03\x06\x0a\x09\x03\x04\x08\x07\x01\x00\x03\x05\x01\x01\x06\x04\x01"
    b"\x02\x05\x06\x00\x01\x0a\x02\xc3\x01\x09\x03\x04\x01\x09\x09\xc2\x04\x07\x01\x00\x01\x07\x07\xc0"
    b"\x03\x08\x01\x00\x01\x08\x08\xc1\x04\x03\x08\x07\x04\x06\x0a\x09\x03\x05\x0a\x09\x03\x04\x08\x07"
    b"\x01\x00\x03\x05\x01\x01\x06\x04\x01\x02\x05\x06\x00\x06\x0b\x00\x00\x06\x0c\x00\x01\x06\x05\x00"
    b"\x02\x03\x0a\x02\x02\x05\x0a\x0a\x00\x01\x09\x03\x04\x01\x09\x09\x05\x04\x07\x01\x00\x01\x07\x07"
    b"\x0c\x03\x08\x01\x00\x01\x08\x08\x0b\x04\x03\x08\x07\x04\x05\x0a\x09\x03\x06\x0a\x09\x03\x04\x08"
    b"\x07\x01\x00\x03\x05\x01\x01\x06\x04\x01\x02\x05\x06\x00\x06\x0b\x00\x00\x06\x0c\x00\x01\x06\x05"
    b"\x00\x02\x03\x0a\x02\x02\x05\x0a\x0a\x00\x01\x09\x03\x04\x01\x09\x09\x05\x04\x07\x01\x00\x01\x07"
    b"\x07\x0b\x03\x08\x01\x00\x01\x08\x08\x0c\x04\x03\x08\x07\x04\x06\x0a\x09\x03\x05\x0a\x09\x03\x04"
    b"\x08\x07\x01\x00\x03\x05\x01\x01\x06\x04\x01\x02\x05\x06\x00\x06\x0b\x01\x00\x06\x0c\x01\x01\x06"
    b"\x05\x01\x02\x03\x0a\x02\x02\x05\x0a\x0a\x00\x01\x09\x03\x04\x01\x09\x09\x05\x04\x07\x01\x00\x01"
    b"\x07\x07\x0c\x03\x08\x01\x00\x01\x08\x08\x0b\x04\x03\x08\x07\x04\x05\x0a\x09\x03\x06\x0a\x09\x03"
    b"\x04\x08\x07\x01\x00\x03\x05\x01\x01\x06\x04\x01\x02\x05\x06\x00\x06\x0b\x01\x00\x06\x0c\x01\x01"
    b"\x06\x05\x01\x02\x03\x0a\x02\x02\x05\x0a\x0a\x00\x01\x09\x03\x04\x01\x09\x09\x05\x04\x07\x01\x00"
    b"\x01\x07\x07\x0b\x03\x08\x01\x00\x01\x08\x08\x0c\x04\x03\x08\x07\x04\x06\x0a\x09\x03\x05\x0a\x09"
    b"\x03\x04\x08\x07\x01\x00\x03\x05\x01\x01\x06\x04\x01\x02\x05\x06\x00\x06\x00\x02\x00\x06\x01\x02"
    b"\x01\x06\x02\x02\x02\x06\x03\x02\x00\x06\x04\x02\x01\x05\x00\x00\x00\x05\x01\x01\x00\x00\x03\xc0"
    b"\x01\x00\x04\xc1\x01\x00\x01\x09\x03\x04\x01\xc2\x09\x0d\x03\xc3\x02\x02\x00\x06\x0d\x02\x00\x00"
    b"\x02\x00\x00\x00\x00\x03\xc0\x00\x0e\x00\x01\x00\x00\xc0\x00\x04\x07\x00\x02\x08\x07\x07\x00\x04"
    b"\x00\x00\x07\x03\x02\x02\x07\x04\x07\x01\x03\x08\x07\x07\x00\x04\x01\x01\x07\x03\x03\x03\x07\x03"
    b"\x07\x00\x01\x04\x08\x00\x01\x03\x09\x02\x03\x04\x05\x02\x03\x01\x05\x05\x07\x01\x09\x09\x08\x02"
    b"\x07\x07\x00\x02\x08\x08\x00\x03\x02\x05\x09\x02\x02\x02\x00\x04\x03\x05\x09\x02\x03\x03\x00\x01"
    b"\x03\x03\x10\x01\x00\x07\x08\x04\x08\x07\x08\x07\x09\x08\x00\x05\x09\x09\x00\x03\x09\x07\x09\x01"
    b"\x01\x08\x09\x00\x06\x00\x02\x02\x06\x02\x02\x00\x06\x03\x02\x02\x06\x10\x02\x00\x00\x04\x07\x00"
    b"\x02\x08\x07\x07\x00\x04\x00\x00\x07\x03\x02\x02\x07\x04\x07\x01\x03\x08\x07\x07\x00\x04\x01\x01"
    b"\x07\x03\x03\x03\x07\x03\x0f\x00\x0e\x03\x00\x01\x0e\x00\x01\x00\x00\x0f\x00"
)

# Steps: z^(2^252 - 3) for z in X.
POWER = (
    b"\x0b\x00\x0a\x01\x0b\x01\x0a\x02\x0c\x00\x0b\x02\x0c\x01\x0a\x01\x0c\x02\x0b\x03\x0a\x05\x0c\x03"
    b"\x0b\x04\x0a\x0a\x0c\x04\x0b\x05\x0a\x14\x0c\x05\x0a\x0a\x0c\x04\x0b\x05\x0a\x32\x0c\x05\x0b\x06"
    b"\x0a\x64\x0c\x06\x0a\x32\x0c\x05\x0a\x02\x0c\x00"
)


@micropython.viper
def run(c: int, x: int, regs: ptr32, prog: ptr8, steps: ptr8, count: int, tables: ptr32, mode: int):
    """Run the program of each step (kind, w). `c` and `x` are 0: they become the two register variables.

    `regs` is the file of elements; 18 and 19 take the columns of a product. `prog` starts with the 16-bit
    places of the programs by kind; kind 0 and the one repeated are run w times. An instruction is (operation,
    result, operand, operand); operands from 192 are 20 + w * stride + (operand - 192). `tables` are three
    addresses, of entries of `size` bytes for the operation that loads. `mode` is stride | size << 8 |
    repeated kind << 16.
    """
    at = 0
    while at < count:
        kind = int(steps[at])
        w = int(steps[at + 1])
        at += 2
        n = 1
        if kind == 0 or kind == mode >> 16:
            n = w
        rel = w * (mode & 255) - 172
        start = prog[2 * kind] | prog[2 * kind + 1] << 8
        while n > 0:
            n -= 1
            pc = ptr8(int(prog) + start)
            while pc[0] != 0:
                op = int(pc[0]); x = int(pc[1])
                if x >= 192: x += rel
                R = ptr32(int(regs) + x * 80); x = int(pc[2])
                if x >= 192: x += rel
                A = ptr32(int(regs) + x * 80); x = int(pc[3])
                if x >= 192: x += rel
                B = ptr32(int(regs) + x * 80); pc = ptr8(int(pc) + 4)
                if op <= 2:
                    c = int(regs) + 1440
                    T = ptr32(c)
                    if op == 1:
                        b0=B[0];b1=B[1];b2=B[2];b3=B[3];b4=B[4];b5=B[5];b6=B[6];b7=B[7];b8=B[8];b9=B[9];b10=B[10];b11=B[11];b12=B[12];b13=B[13];b14=B[14];b15=B[15];b16=B[16];b17=B[17];b18=B[18];b19=B[19]
                        t0=0;t1=0;t2=0;t3=0;t4=0;t5=0;t6=0;t7=0;t8=0;t9=0;t10=0;t11=0;t12=0;t13=0;t14=0;t15=0;t16=0;t17=0;t18=0
                        i = 0
                        while i < 20: x=A[i];ptr32(c)[0]=x*b0+t0;t0=x*b1+t1;t1=x*b2+t2;t2=x*b3+t3;t3=x*b4+t4;t4=x*b5+t5;t5=x*b6+t6;t6=x*b7+t7;t7=x*b8+t8;t8=x*b9+t9;t9=x*b10+t10;t10=x*b11+t11;t11=x*b12+t12;t12=x*b13+t13;t13=x*b14+t14;t14=x*b15+t15;t15=x*b16+t16;t16=x*b17+t17;t17=x*b18+t18;t18=x*b19;c += 4;i += 1
                        ptr32(c)[0]=t0;ptr32(c)[1]=t1;ptr32(c)[2]=t2;ptr32(c)[3]=t3;ptr32(c)[4]=t4;ptr32(c)[5]=t5;ptr32(c)[6]=t6;ptr32(c)[7]=t7;ptr32(c)[8]=t8;ptr32(c)[9]=t9;ptr32(c)[10]=t10;ptr32(c)[11]=t11;ptr32(c)[12]=t12;ptr32(c)[13]=t13;ptr32(c)[14]=t14;ptr32(c)[15]=t15;ptr32(c)[16]=t16;ptr32(c)[17]=t17;ptr32(c)[18]=t18
                    else:
                        i = 0
                        while i < 2: b0=A[0];b1=A[1];b2=A[2];b3=A[3];b4=A[4];b5=A[5];b6=A[6];b7=A[7];b8=A[8];b9=A[9];x=b0;ptr32(c)[0]=x*x;x=x+x;ptr32(c)[1]=x*b1;ptr32(c)[2]=x*b2;ptr32(c)[3]=x*b3;ptr32(c)[4]=x*b4;ptr32(c)[5]=x*b5;ptr32(c)[6]=x*b6;ptr32(c)[7]=x*b7;ptr32(c)[8]=x*b8;ptr32(c)[9]=x*b9;x=b1;ptr32(c)[2]=x*x+ptr32(c)[2];x=x+x;ptr32(c)[3]=x*b2+ptr32(c)[3];ptr32(c)[4]=x*b3+ptr32(c)[4];ptr32(c)[5]=x*b4+ptr32(c)[5];ptr32(c)[6]=x*b5+ptr32(c)[6];ptr32(c)[7]=x*b6+ptr32(c)[7];ptr32(c)[8]=x*b7+ptr32(c)[8];ptr32(c)[9]=x*b8+ptr32(c)[9];ptr32(c)[10]=x*b9;x=b2;ptr32(c)[4]=x*x+ptr32(c)[4];x=x+x;ptr32(c)[5]=x*b3+ptr32(c)[5];ptr32(c)[6]=x*b4+ptr32(c)[6];ptr32(c)[7]=x*b5+ptr32(c)[7];ptr32(c)[8]=x*b6+ptr32(c)[8];ptr32(c)[9]=x*b7+ptr32(c)[9];ptr32(c)[10]=x*b8+ptr32(c)[10];ptr32(c)[11]=x*b9;x=b3;ptr32(c)[6]=x*x+ptr32(c)[6];x=x+x;ptr32(c)[7]=x*b4+ptr32(c)[7];ptr32(c)[8]=x*b5+ptr32(c)[8];ptr32(c)[9]=x*b6+ptr32(c)[9];ptr32(c)[10]=x*b7+ptr32(c)[10];ptr32(c)[11]=x*b8+ptr32(c)[11];ptr32(c)[12]=x*b9;x=b4;ptr32(c)[8]=x*x+ptr32(c)[8];x=x+x;ptr32(c)[9]=x*b5+ptr32(c)[9];ptr32(c)[10]=x*b6+ptr32(c)[10];ptr32(c)[11]=x*b7+ptr32(c)[11];ptr32(c)[12]=x*b8+ptr32(c)[12];ptr32(c)[13]=x*b9;x=b5;ptr32(c)[10]=x*x+ptr32(c)[10];x=x+x;ptr32(c)[11]=x*b6+ptr32(c)[11];ptr32(c)[12]=x*b7+ptr32(c)[12];ptr32(c)[13]=x*b8+ptr32(c)[13];ptr32(c)[14]=x*b9;x=b6;ptr32(c)[12]=x*x+ptr32(c)[12];x=x+x;ptr32(c)[13]=x*b7+ptr32(c)[13];ptr32(c)[14]=x*b8+ptr32(c)[14];ptr32(c)[15]=x*b9;x=b7;ptr32(c)[14]=x*x+ptr32(c)[14];x=x+x;ptr32(c)[15]=x*b8+ptr32(c)[15];ptr32(c)[16]=x*b9;x=b8;ptr32(c)[16]=x*x+ptr32(c)[16];x=x+x;ptr32(c)[17]=x*b9;x=b9;ptr32(c)[18]=x*x;A=ptr32(int(A)+40);c+=80;i += 1
                        c-=120;T[19]=0;A=ptr32(int(A)-80)
                        t0=0;t1=0;t2=0;t3=0;t4=0;t5=0;t6=0;t7=0;t8=0
                        i = 0
                        while i < 10: x=A[i];x=x+x;ptr32(c)[0]=x*b0+t0+ptr32(c)[0];t0=x*b1+t1;t1=x*b2+t2;t2=x*b3+t3;t3=x*b4+t4;t4=x*b5+t5;t5=x*b6+t6;t6=x*b7+t7;t7=x*b8+t8;t8=x*b9;c += 4;i += 1
                        ptr32(c)[0]=t0+ptr32(c)[0];ptr32(c)[1]=t1+ptr32(c)[1];ptr32(c)[2]=t2+ptr32(c)[2];ptr32(c)[3]=t3+ptr32(c)[3];ptr32(c)[4]=t4+ptr32(c)[4];ptr32(c)[5]=t5+ptr32(c)[5];ptr32(c)[6]=t6+ptr32(c)[6];ptr32(c)[7]=t7+ptr32(c)[7];ptr32(c)[8]=t8+ptr32(c)[8]
                    x=8191;c=0;t1=0;T[39]=0;B=R
                    i = 0
                    while i < 4: t0=T[20];c=(c>>13)+((t0&x)+t1)*608+T[0]+4096;t1=t0>>13;B[0]=(c&x)-4096;t0=T[21];c=(c>>13)+((t0&x)+t1)*608+T[1]+4096;t1=t0>>13;B[1]=(c&x)-4096;t0=T[22];c=(c>>13)+((t0&x)+t1)*608+T[2]+4096;t1=t0>>13;B[2]=(c&x)-4096;t0=T[23];c=(c>>13)+((t0&x)+t1)*608+T[3]+4096;t1=t0>>13;B[3]=(c&x)-4096;t0=T[24];c=(c>>13)+((t0&x)+t1)*608+T[4]+4096;t1=t0>>13;B[4]=(c&x)-4096;T=ptr32(int(T)+20);B=ptr32(int(B)+20);i += 1
                    c=(c>>13)*608+R[0]+4096;R[0]=(c&x)-4096;c=(c>>13)+R[1]+4096;R[1]=(c&x)-4096;R[2]=R[2]+(c>>13)
                elif op == 3:
                    c = int(A);x = int(B)
                    i = 0
                    while i < 2: R[0]=ptr32(c)[0]+ptr32(x)[0];R[1]=ptr32(c)[1]+ptr32(x)[1];R[2]=ptr32(c)[2]+ptr32(x)[2];R[3]=ptr32(c)[3]+ptr32(x)[3];R[4]=ptr32(c)[4]+ptr32(x)[4];R[5]=ptr32(c)[5]+ptr32(x)[5];R[6]=ptr32(c)[6]+ptr32(x)[6];R[7]=ptr32(c)[7]+ptr32(x)[7];R[8]=ptr32(c)[8]+ptr32(x)[8];R[9]=ptr32(c)[9]+ptr32(x)[9];R=ptr32(int(R)+40);c+=40;x+=40;i += 1
                elif op == 4:
                    c = int(A);x = int(B)
                    i = 0
                    while i < 2: R[0]=ptr32(c)[0]-ptr32(x)[0];R[1]=ptr32(c)[1]-ptr32(x)[1];R[2]=ptr32(c)[2]-ptr32(x)[2];R[3]=ptr32(c)[3]-ptr32(x)[3];R[4]=ptr32(c)[4]-ptr32(x)[4];R[5]=ptr32(c)[5]-ptr32(x)[5];R[6]=ptr32(c)[6]-ptr32(x)[6];R[7]=ptr32(c)[7]-ptr32(x)[7];R[8]=ptr32(c)[8]-ptr32(x)[8];R[9]=ptr32(c)[9]-ptr32(x)[9];R=ptr32(int(R)+40);c+=40;x+=40;i += 1
                elif op == 5:
                    x=8191;c=0;B=R
                    i = 0
                    while i < 4: c=(c>>13)+A[0]+4096;B[0]=(c&x)-4096;c=(c>>13)+A[1]+4096;B[1]=(c&x)-4096;c=(c>>13)+A[2]+4096;B[2]=(c&x)-4096;c=(c>>13)+A[3]+4096;B[3]=(c&x)-4096;c=(c>>13)+A[4]+4096;B[4]=(c&x)-4096;A=ptr32(int(A)+20);B=ptr32(int(B)+20);i += 1
                    c=(c>>13)*608+R[0]+4096;R[0]=(c&x)-4096;c=(c>>13)+R[1]+4096;R[1]=(c&x)-4096;R[2]=R[2]+(c>>13)
                elif op == 6:
                    x = int(tables[int(pc[-2])]) + w * (mode >> 8 & 255) + 32 * int(pc[-1])
                    A=R
                    i = 0
                    while i < 2: c=ptr8(x)[0]|(ptr8(x)[1]<<8);A[0]=c&8191;c=c>>13;c=c|(ptr8(x)[2]<<3)|(ptr8(x)[3]<<11);A[1]=c&8191;c=c>>13;c=c|(ptr8(x)[4]<<6);A[2]=c&8191;c=c>>13;c=c|(ptr8(x)[5]<<1)|(ptr8(x)[6]<<9);A[3]=c&8191;c=c>>13;c=c|(ptr8(x)[7]<<4)|(ptr8(x)[8]<<12);A[4]=c&8191;c=c>>13;c=c|(ptr8(x)[9]<<7);A[5]=c&8191;c=c>>13;c=c|(ptr8(x)[10]<<2)|(ptr8(x)[11]<<10);A[6]=c&8191;c=c>>13;c=c|(ptr8(x)[12]<<5);A[7]=c&8191;A=ptr32(int(A)+32);x+=13;i += 1
                    c=ptr8(x)[0]|(ptr8(x)[1]<<8);A[0]=c&8191;c=c>>13;c=c|(ptr8(x)[2]<<3)|(ptr8(x)[3]<<11);A[1]=c&8191;c=c>>13;c=c|(ptr8(x)[4]<<6);A[2]=c&8191;c=c>>13;c=c|(ptr8(x)[5]<<1);A[3]=c&8191
                else:
                    x = w
                    if op == 7: x = 121665
                    i = 0
                    while i < 4: R[0]=A[0]*x;R[1]=A[1]*x;R[2]=A[2]*x;R[3]=A[3]*x;R[4]=A[4]*x;R=ptr32(int(R)+20);A=ptr32(int(A)+20);i += 1
