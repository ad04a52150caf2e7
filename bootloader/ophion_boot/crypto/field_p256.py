"""A machine for the field of P-256, in viper, for 32-bit firmware, and its programs.

Written by tools/bench/crypto/make_field_vm.py: change that. An element is 20 limbs of 13 bits, signed,
in 20 words. The sizes of two factors may multiply to 6.2 at most: 1 is what `mul` and `norm` leave, 2 a sum
of two such or a loaded number, and so on. A product is reduced by Montgomery's
method with R = 2^260, and `norm` brings the number below 0.6 p.
No branch and no address depends on the value of an element.
"""
# ruff: noqa
# fmt: off
# mypy: ignore-errors

import micropython

import ophion_boot.crypto.word32

CODE = (
    b"\x2c\x00\x8d\x00\xea\x00\x47\x01\xa4\x01\x01\x02\x5e\x02\xbb\x02\xc8\x02\xd5\x02\xea\x02\x03\x03"
    b"\x18\x03\x31\x03\x46\x03\x5b\x03\x64\x03\x75\x03\x7a\x03\x7f\x03\x84\x03\x8d\x03\x02\x06\x02\x00"
    b"\x04\x03\x00\x06\x03\x04\x00\x06\x01\x03\x03\x04\x03\x04\x03\x03\x03\x03\x03\x04\x05\x03\x03\x00"
    b"\x02\x06\x01\x00\x01\x04\x00\x06\x03\x01\x01\x01\x01\x02\x01\x02\x03\x04\x04\x04\x03\x04\x04\x04"
    b"\x02\x00\x03\x00\x04\x00\x00\x04\x04\x00\x00\x04\x05\x00\x00\x00\x04\x04\x04\x00\x01\x01\x03\x04"
    b"\x03\x06\x06\x06\x02\x06\x06\x00\x04\x01\x01\x06\x04\x01\x01\x06\x05\x01\x01\x00\x00\x02\x05\x02"
    b"\x00\x01\x03\xc0\x05\x01\x05\x02\x05\x01\x04\xc1\x05\x01\x00\x00\xc3\x01\x01\x01\xc4\x04\x03\x03"
    b"\x00\x04\x04\x04\x01\x02\x05\x03\x00\x01\x06\x00\x05\x01\x05\x05\x03\x02\x00\x04\x00\x04\x00\x00"
    b"\x05\x04\x00\x00\x06\x04\x00\x00\x06\x05\x00\x00\x00\x04\x06\x06\x00\x01\x06\x04\x06\x01\x05\x01"
    b"\x05\x04\x01\x06\x05\x05\x01\x01\x00\x01\x02\x02\xc2\x01\x02\x02\x03\x00\x02\x05\x02\x00\x01\x03"
    b"\xc0\x05\x01\x05\x02\x05\x01\x04\xc1\x05\x01\x00\x00\xc3\x01\x01\x01\xc4\x04\x03\x03\x00\x03\x04"
    b"\x04\x01\x02\x05\x03\x00\x01\x06\x00\x05\x01\x05\x05\x03\x02\x00\x04\x00\x04\x00\x00\x05\x04\x00"
    b"\x00\x06\x04\x00\x00\x06\x05\x00\x00\x00\x04\x06\x00\x06\x01\x06\x04\x06\x01\x05\x01\x05\x04\x01"
    b"\x06\x05\x05\x01\x01\x00\x01\x02\x02\xc2\x01\x02\x02\x03\x00\x06\x07\x00\x00\x06\x08\x00\x01\x02"
    b"\x05\x02\x00\x01\x05\x05\x0a\x01\x03\x07\x05\x01\x05\x02\x05\x01\x04\x08\x05\x04\x03\x03\x00\x04"
    b"\x04\x04\x01\x02\x05\x03\x00\x01\x06\x00\x05\x01\x05\x05\x03\x02\x00\x04\x00\x04\x00\x00\x05\x04"
    b"\x00\x00\x06\x04\x00\x00\x06\x05\x00\x00\x00\x04\x06\x06\x00\x01\x06\x04\x06\x01\x05\x01\x05\x04"
    b"\x01\x06\x05\x05\x01\x01\x00\x01\x02\x02\x03\x00\x06\x07\x00\x00\x06\x08\x00\x01\x02\x05\x02\x00"
    b"\x01\x05\x05\x0a\x01\x03\x07\x05\x01\x05\x02\x05\x01\x04\x08\x05\x04\x03\x03\x00\x03\x04\x04\x01"
    b"\x02\x05\x03\x00\x01\x06\x00\x05\x01\x05\x05\x03\x02\x00\x04\x00\x04\x00\x00\x05\x04\x00\x00\x06"
    b"\x04\x00\x00\x06\x05\x00\x00\x00\x04\x06\x00\x06\x01\x06\x04\x06\x01\x05\x01\x05\x04\x01\x06\x05"
    b"\x05\x01\x01\x00\x01\x02\x02\x03\x00\x06\x07\x01\x00\x06\x08\x01\x01\x02\x05\x02\x00\x01\x05\x05"
    b"\x0a\x01\x03\x07\x05\x01\x05\x02\x05\x01\x04\x08\x05\x04\x03\x03\x00\x04\x04\x04\x01\x02\x05\x03"
    b"\x00\x01\x06\x00\x05\x01\x05\x05\x03\x02\x00\x04\x00\x04\x00\x00\x05\x04\x00\x00\x06\x04\x00\x00"
    b"\x06\x05\x00\x00\x00\x04\x06\x06\x00\x01\x06\x04\x06\x01\x05\x01\x05\x04\x01\x06\x05\x05\x01\x01"
    b"\x00\x01\x02\x02\x03\x00\x06\x07\x01\x00\x06\x08\x01\x01\x02\x05\x02\x00\x01\x05\x05\x0a\x01\x03"
    b"\x07\x05\x01\x05\x02\x05\x01\x04\x08\x05\x04\x03\x03\x00\x03\x04\x04\x01\x02\x05\x03\x00\x01\x06"
    b"\x00\x05\x01\x05\x05\x03\x02\x00\x04\x00\x04\x00\x00\x05\x04\x00\x00\x06\x04\x00\x00\x06\x05\x00"
    b"\x00\x00\x04\x06\x00\x06\x01\x06\x04\x06\x01\x05\x01\x05\x04\x01\x06\x05\x05\x01\x01\x00\x01\x02"
    b"\x02\x03\x00\x03\x00\xc0\x0d\x03\x01\xc1\x0d\x03\x02\xc2\x0d\x00\x03\x00\xc0\x0d\x04\x01\x0d\xc1"
    b"\x03\x02\xc2\x0d\x00\x06\x07\x00\x00\x06\x08\x00\x01\x01\x00\x07\x0a\x01\x01\x08\x0a\x03\x02\x0b"
    b"\x0d\x00\x06\x07\x00\x00\x06\x08\x00\x01\x01\x00\x07\x0a\x01\x01\x08\x0a\x03\x02\x0b\x0d\x04\x01"
    b"\x0d\x01\x00\x06\x07\x01\x00\x06\x08\x01\x01\x01\x00\x07\x0a\x01\x01\x08\x0a\x03\x02\x0b\x0d\x00"
    b"\x06\x07\x01\x00\x06\x08\x01\x01\x01\x00\x07\x0a\x01\x01\x08\x0a\x03\x02\x0b\x0d\x04\x01\x0d\x01"
    b"\x00\x06\x07\x02\x00\x06\x08\x02\x01\x01\x00\x07\x0a\x01\x01\x08\x0a\x03\x02\x0b\x0d\x00\x03\xc0"
    b"\x00\x0d\x03\xc1\x01\x0d\x03\xc2\x02\x0d\x02\xc3\x02\x00\x01\xc4\x02\xc3\x00\x06\x0a\x02\x00\x06"
    b"\x0b\x02\x01\x00\x06\x0c\x02\x00\x01\x00\x00\x0c\x01\x01\x01\x0c\x01\x02\x02\x0c\x00\x02\x00\x00"
    b"\x00\x00\x03\xc0\x00\x0d\x00\x01\x00\x00\xc0\x00\x03\x0e\x00\x0d\x03\x00\x02\x0d\x00\x02\x00\x00"
    b"\x00\x01\x00\x00\x0e\x00"
)

# Steps: 1/z for z in X.
POWER = (
    b"\x12\x00\x11\x01\x13\x00\x12\x01\x11\x01\x13\x00\x12\x02\x11\x03\x13\x02\x12\x03\x11\x06\x13\x03"
    b"\x11\x03\x13\x02\x12\x04\x11\x0f\x13\x04\x12\x05\x11\x02\x13\x01\x12\x06\x11\x20\x13\x00\x11\x80"
    b"\x13\x06\x11\x20\x13\x06\x11\x1e\x13\x05\x11\x02\x13\x00"
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
                        b0=A[0];b1=A[1];b2=A[2];b3=A[3];b4=A[4];b5=A[5];b6=A[6];b7=A[7];b8=A[8];b9=A[9];b10=A[10];b11=A[11];b12=A[12];b13=A[13];b14=A[14];b15=A[15];b16=A[16];b17=A[17];b18=A[18];b19=A[19]
                        x=b0;ptr32(c)[0]=x*x;x=x+x;ptr32(c)[1]=x*b1;ptr32(c)[2]=x*b2;ptr32(c)[3]=x*b3;ptr32(c)[4]=x*b4;ptr32(c)[5]=x*b5;ptr32(c)[6]=x*b6;ptr32(c)[7]=x*b7;ptr32(c)[8]=x*b8;ptr32(c)[9]=x*b9;ptr32(c)[10]=x*b10;ptr32(c)[11]=x*b11;ptr32(c)[12]=x*b12;ptr32(c)[13]=x*b13;ptr32(c)[14]=x*b14;ptr32(c)[15]=x*b15;ptr32(c)[16]=x*b16;ptr32(c)[17]=x*b17;ptr32(c)[18]=x*b18;ptr32(c)[19]=x*b19;x=b1;ptr32(c)[2]=x*x+ptr32(c)[2];x=x+x;ptr32(c)[3]=x*b2+ptr32(c)[3];ptr32(c)[4]=x*b3+ptr32(c)[4];ptr32(c)[5]=x*b4+ptr32(c)[5];ptr32(c)[6]=x*b5+ptr32(c)[6];ptr32(c)[7]=x*b6+ptr32(c)[7];ptr32(c)[8]=x*b7+ptr32(c)[8];ptr32(c)[9]=x*b8+ptr32(c)[9];ptr32(c)[10]=x*b9+ptr32(c)[10];ptr32(c)[11]=x*b10+ptr32(c)[11];ptr32(c)[12]=x*b11+ptr32(c)[12];ptr32(c)[13]=x*b12+ptr32(c)[13];ptr32(c)[14]=x*b13+ptr32(c)[14];ptr32(c)[15]=x*b14+ptr32(c)[15];ptr32(c)[16]=x*b15+ptr32(c)[16];ptr32(c)[17]=x*b16+ptr32(c)[17];ptr32(c)[18]=x*b17+ptr32(c)[18];ptr32(c)[19]=x*b18+ptr32(c)[19];ptr32(c)[20]=x*b19;x=b2;ptr32(c)[4]=x*x+ptr32(c)[4];x=x+x;ptr32(c)[5]=x*b3+ptr32(c)[5];ptr32(c)[6]=x*b4+ptr32(c)[6];ptr32(c)[7]=x*b5+ptr32(c)[7];ptr32(c)[8]=x*b6+ptr32(c)[8];ptr32(c)[9]=x*b7+ptr32(c)[9];ptr32(c)[10]=x*b8+ptr32(c)[10];ptr32(c)[11]=x*b9+ptr32(c)[11];ptr32(c)[12]=x*b10+ptr32(c)[12];ptr32(c)[13]=x*b11+ptr32(c)[13];ptr32(c)[14]=x*b12+ptr32(c)[14];ptr32(c)[15]=x*b13+ptr32(c)[15];ptr32(c)[16]=x*b14+ptr32(c)[16];ptr32(c)[17]=x*b15+ptr32(c)[17];ptr32(c)[18]=x*b16+ptr32(c)[18];ptr32(c)[19]=x*b17+ptr32(c)[19];ptr32(c)[20]=x*b18+ptr32(c)[20];ptr32(c)[21]=x*b19;x=b3;ptr32(c)[6]=x*x+ptr32(c)[6];x=x+x;ptr32(c)[7]=x*b4+ptr32(c)[7];ptr32(c)[8]=x*b5+ptr32(c)[8];ptr32(c)[9]=x*b6+ptr32(c)[9];ptr32(c)[10]=x*b7+ptr32(c)[10];ptr32(c)[11]=x*b8+ptr32(c)[11];ptr32(c)[12]=x*b9+ptr32(c)[12];ptr32(c)[13]=x*b10+ptr32(c)[13];ptr32(c)[14]=x*b11+ptr32(c)[14];ptr32(c)[15]=x*b12+ptr32(c)[15];ptr32(c)[16]=x*b13+ptr32(c)[16];ptr32(c)[17]=x*b14+ptr32(c)[17];ptr32(c)[18]=x*b15+ptr32(c)[18];ptr32(c)[19]=x*b16+ptr32(c)[19];ptr32(c)[20]=x*b17+ptr32(c)[20];ptr32(c)[21]=x*b18+ptr32(c)[21];ptr32(c)[22]=x*b19
                        x=b4;ptr32(c)[8]=x*x+ptr32(c)[8];x=x+x;ptr32(c)[9]=x*b5+ptr32(c)[9];ptr32(c)[10]=x*b6+ptr32(c)[10];ptr32(c)[11]=x*b7+ptr32(c)[11];ptr32(c)[12]=x*b8+ptr32(c)[12];ptr32(c)[13]=x*b9+ptr32(c)[13];ptr32(c)[14]=x*b10+ptr32(c)[14];ptr32(c)[15]=x*b11+ptr32(c)[15];ptr32(c)[16]=x*b12+ptr32(c)[16];ptr32(c)[17]=x*b13+ptr32(c)[17];ptr32(c)[18]=x*b14+ptr32(c)[18];ptr32(c)[19]=x*b15+ptr32(c)[19];ptr32(c)[20]=x*b16+ptr32(c)[20];ptr32(c)[21]=x*b17+ptr32(c)[21];ptr32(c)[22]=x*b18+ptr32(c)[22];ptr32(c)[23]=x*b19;x=b5;ptr32(c)[10]=x*x+ptr32(c)[10];x=x+x;ptr32(c)[11]=x*b6+ptr32(c)[11];ptr32(c)[12]=x*b7+ptr32(c)[12];ptr32(c)[13]=x*b8+ptr32(c)[13];ptr32(c)[14]=x*b9+ptr32(c)[14];ptr32(c)[15]=x*b10+ptr32(c)[15];ptr32(c)[16]=x*b11+ptr32(c)[16];ptr32(c)[17]=x*b12+ptr32(c)[17];ptr32(c)[18]=x*b13+ptr32(c)[18];ptr32(c)[19]=x*b14+ptr32(c)[19];ptr32(c)[20]=x*b15+ptr32(c)[20];ptr32(c)[21]=x*b16+ptr32(c)[21];ptr32(c)[22]=x*b17+ptr32(c)[22];ptr32(c)[23]=x*b18+ptr32(c)[23];ptr32(c)[24]=x*b19;x=b6;ptr32(c)[12]=x*x+ptr32(c)[12];x=x+x;ptr32(c)[13]=x*b7+ptr32(c)[13];ptr32(c)[14]=x*b8+ptr32(c)[14];ptr32(c)[15]=x*b9+ptr32(c)[15];ptr32(c)[16]=x*b10+ptr32(c)[16];ptr32(c)[17]=x*b11+ptr32(c)[17];ptr32(c)[18]=x*b12+ptr32(c)[18];ptr32(c)[19]=x*b13+ptr32(c)[19];ptr32(c)[20]=x*b14+ptr32(c)[20];ptr32(c)[21]=x*b15+ptr32(c)[21];ptr32(c)[22]=x*b16+ptr32(c)[22];ptr32(c)[23]=x*b17+ptr32(c)[23];ptr32(c)[24]=x*b18+ptr32(c)[24];ptr32(c)[25]=x*b19;x=b7;ptr32(c)[14]=x*x+ptr32(c)[14];x=x+x;ptr32(c)[15]=x*b8+ptr32(c)[15];ptr32(c)[16]=x*b9+ptr32(c)[16];ptr32(c)[17]=x*b10+ptr32(c)[17];ptr32(c)[18]=x*b11+ptr32(c)[18];ptr32(c)[19]=x*b12+ptr32(c)[19];ptr32(c)[20]=x*b13+ptr32(c)[20];ptr32(c)[21]=x*b14+ptr32(c)[21];ptr32(c)[22]=x*b15+ptr32(c)[22];ptr32(c)[23]=x*b16+ptr32(c)[23];ptr32(c)[24]=x*b17+ptr32(c)[24];ptr32(c)[25]=x*b18+ptr32(c)[25];ptr32(c)[26]=x*b19
                        x=b8;ptr32(c)[16]=x*x+ptr32(c)[16];x=x+x;ptr32(c)[17]=x*b9+ptr32(c)[17];ptr32(c)[18]=x*b10+ptr32(c)[18];ptr32(c)[19]=x*b11+ptr32(c)[19];ptr32(c)[20]=x*b12+ptr32(c)[20];ptr32(c)[21]=x*b13+ptr32(c)[21];ptr32(c)[22]=x*b14+ptr32(c)[22];ptr32(c)[23]=x*b15+ptr32(c)[23];ptr32(c)[24]=x*b16+ptr32(c)[24];ptr32(c)[25]=x*b17+ptr32(c)[25];ptr32(c)[26]=x*b18+ptr32(c)[26];ptr32(c)[27]=x*b19;x=b9;ptr32(c)[18]=x*x+ptr32(c)[18];x=x+x;ptr32(c)[19]=x*b10+ptr32(c)[19];ptr32(c)[20]=x*b11+ptr32(c)[20];ptr32(c)[21]=x*b12+ptr32(c)[21];ptr32(c)[22]=x*b13+ptr32(c)[22];ptr32(c)[23]=x*b14+ptr32(c)[23];ptr32(c)[24]=x*b15+ptr32(c)[24];ptr32(c)[25]=x*b16+ptr32(c)[25];ptr32(c)[26]=x*b17+ptr32(c)[26];ptr32(c)[27]=x*b18+ptr32(c)[27];ptr32(c)[28]=x*b19;x=b10;ptr32(c)[20]=x*x+ptr32(c)[20];x=x+x;ptr32(c)[21]=x*b11+ptr32(c)[21];ptr32(c)[22]=x*b12+ptr32(c)[22];ptr32(c)[23]=x*b13+ptr32(c)[23];ptr32(c)[24]=x*b14+ptr32(c)[24];ptr32(c)[25]=x*b15+ptr32(c)[25];ptr32(c)[26]=x*b16+ptr32(c)[26];ptr32(c)[27]=x*b17+ptr32(c)[27];ptr32(c)[28]=x*b18+ptr32(c)[28];ptr32(c)[29]=x*b19;x=b11;ptr32(c)[22]=x*x+ptr32(c)[22];x=x+x;ptr32(c)[23]=x*b12+ptr32(c)[23];ptr32(c)[24]=x*b13+ptr32(c)[24];ptr32(c)[25]=x*b14+ptr32(c)[25];ptr32(c)[26]=x*b15+ptr32(c)[26];ptr32(c)[27]=x*b16+ptr32(c)[27];ptr32(c)[28]=x*b17+ptr32(c)[28];ptr32(c)[29]=x*b18+ptr32(c)[29];ptr32(c)[30]=x*b19
                        x=b12;ptr32(c)[24]=x*x+ptr32(c)[24];x=x+x;ptr32(c)[25]=x*b13+ptr32(c)[25];ptr32(c)[26]=x*b14+ptr32(c)[26];ptr32(c)[27]=x*b15+ptr32(c)[27];ptr32(c)[28]=x*b16+ptr32(c)[28];ptr32(c)[29]=x*b17+ptr32(c)[29];ptr32(c)[30]=x*b18+ptr32(c)[30];ptr32(c)[31]=x*b19;x=b13;ptr32(c)[26]=x*x+ptr32(c)[26];x=x+x;ptr32(c)[27]=x*b14+ptr32(c)[27];ptr32(c)[28]=x*b15+ptr32(c)[28];ptr32(c)[29]=x*b16+ptr32(c)[29];ptr32(c)[30]=x*b17+ptr32(c)[30];ptr32(c)[31]=x*b18+ptr32(c)[31];ptr32(c)[32]=x*b19;x=b14;ptr32(c)[28]=x*x+ptr32(c)[28];x=x+x;ptr32(c)[29]=x*b15+ptr32(c)[29];ptr32(c)[30]=x*b16+ptr32(c)[30];ptr32(c)[31]=x*b17+ptr32(c)[31];ptr32(c)[32]=x*b18+ptr32(c)[32];ptr32(c)[33]=x*b19;x=b15;ptr32(c)[30]=x*x+ptr32(c)[30];x=x+x;ptr32(c)[31]=x*b16+ptr32(c)[31];ptr32(c)[32]=x*b17+ptr32(c)[32];ptr32(c)[33]=x*b18+ptr32(c)[33];ptr32(c)[34]=x*b19
                        x=b16;ptr32(c)[32]=x*x+ptr32(c)[32];x=x+x;ptr32(c)[33]=x*b17+ptr32(c)[33];ptr32(c)[34]=x*b18+ptr32(c)[34];ptr32(c)[35]=x*b19;x=b17;ptr32(c)[34]=x*x+ptr32(c)[34];x=x+x;ptr32(c)[35]=x*b18+ptr32(c)[35];ptr32(c)[36]=x*b19;x=b18;ptr32(c)[36]=x*x+ptr32(c)[36];x=x+x;ptr32(c)[37]=x*b19;x=b19;ptr32(c)[38]=x*x
                    x=8191;c=T[0];T[0]=c&x;c=(c>>13)+T[1];T[1]=c&x;c=(c>>13)+T[2];T[2]=c&x;c=(c>>13)+T[3];T[3]=c&x;c=(c>>13)+T[4];T[4]=c&x;c=(c>>13)+T[5];T[5]=c&x;c=(c>>13)+T[6];T[6]=c&x;c=(c>>13)+T[7]+(T[0]<<5);T[7]=c&x;c=(c>>13)+T[8]+(T[1]<<5);T[8]=c&x;c=(c>>13)+T[9]+(T[2]<<5);T[9]=c&x;c=(c>>13)+T[10]+(T[3]<<5);T[10]=c&x;c=(c>>13)+T[11]+(T[4]<<5);T[11]=c&x;c=(c>>13)+T[12]+(T[5]<<5);T[12]=c&x;c=(c>>13)+T[13]+(T[6]<<5);T[13]=c&x;c=(c>>13)+T[14]+(T[7]<<5)+(T[0]<<10);T[14]=c&x;c=(c>>13)+T[15]+(T[8]<<5)+(T[1]<<10);T[15]=c&x;c=(c>>13)+T[16]+(T[9]<<5)+(T[2]<<10);T[16]=c&x;c=(c>>13)+T[17]+(T[10]<<5)+(T[3]<<10)-(T[0]<<3);T[17]=c&x;c=(c>>13)+T[18]+(T[11]<<5)+(T[4]<<10)-(T[1]<<3);T[18]=c&x;c=(c>>13)+T[19]+(T[12]<<5)+(T[5]<<10)-(T[2]<<3)+(T[0]<<9);T[19]=c&x
                    c=(c>>13)+T[20]+(T[13]<<5)+(T[6]<<10)-(T[3]<<3)+(T[1]<<9)+4096;R[0]=(c&x)-4096;c=(c>>13)+T[21]+(T[14]<<5)+(T[7]<<10)-(T[4]<<3)+(T[2]<<9)+4096;R[1]=(c&x)-4096;c=(c>>13)+T[22]+(T[15]<<5)+(T[8]<<10)-(T[5]<<3)+(T[3]<<9)+4096;R[2]=(c&x)-4096;c=(c>>13)+T[23]+(T[16]<<5)+(T[9]<<10)-(T[6]<<3)+(T[4]<<9)+4096;R[3]=(c&x)-4096;c=(c>>13)+T[24]+(T[17]<<5)+(T[10]<<10)-(T[7]<<3)+(T[5]<<9)+4096;R[4]=(c&x)-4096;c=(c>>13)+T[25]+(T[18]<<5)+(T[11]<<10)-(T[8]<<3)+(T[6]<<9)+4096;R[5]=(c&x)-4096;c=(c>>13)+T[26]+(T[19]<<5)+(T[12]<<10)-(T[9]<<3)+(T[7]<<9)+4096;R[6]=(c&x)-4096;c=(c>>13)+T[27]+(T[13]<<10)-(T[10]<<3)+(T[8]<<9)+4096;R[7]=(c&x)-4096;c=(c>>13)+T[28]+(T[14]<<10)-(T[11]<<3)+(T[9]<<9)+4096;R[8]=(c&x)-4096;c=(c>>13)+T[29]+(T[15]<<10)-(T[12]<<3)+(T[10]<<9)+4096;R[9]=(c&x)-4096;c=(c>>13)+T[30]+(T[16]<<10)-(T[13]<<3)+(T[11]<<9)+4096;R[10]=(c&x)-4096;c=(c>>13)+T[31]+(T[17]<<10)-(T[14]<<3)+(T[12]<<9)+4096;R[11]=(c&x)-4096;c=(c>>13)+T[32]+(T[18]<<10)-(T[15]<<3)+(T[13]<<9)+4096;R[12]=(c&x)-4096;c=(c>>13)+T[33]+(T[19]<<10)-(T[16]<<3)+(T[14]<<9)+4096;R[13]=(c&x)-4096;c=(c>>13)+T[34]-(T[17]<<3)+(T[15]<<9)+4096;R[14]=(c&x)-4096;c=(c>>13)+T[35]-(T[18]<<3)+(T[16]<<9)+4096;R[15]=(c&x)-4096;c=(c>>13)+T[36]-(T[19]<<3)+(T[17]<<9)+4096;R[16]=(c&x)-4096;c=(c>>13)+T[37]+(T[18]<<9)+4096;R[17]=(c&x)-4096;c=(c>>13)+T[38]+(T[19]<<9)+4096;R[18]=(c&x)-4096;R[19]=c>>13
                elif op == 3:
                    c = int(A);x = int(B)
                    i = 0
                    while i < 2: R[0]=ptr32(c)[0]+ptr32(x)[0];R[1]=ptr32(c)[1]+ptr32(x)[1];R[2]=ptr32(c)[2]+ptr32(x)[2];R[3]=ptr32(c)[3]+ptr32(x)[3];R[4]=ptr32(c)[4]+ptr32(x)[4];R[5]=ptr32(c)[5]+ptr32(x)[5];R[6]=ptr32(c)[6]+ptr32(x)[6];R[7]=ptr32(c)[7]+ptr32(x)[7];R[8]=ptr32(c)[8]+ptr32(x)[8];R[9]=ptr32(c)[9]+ptr32(x)[9];R=ptr32(int(R)+40);c+=40;x+=40;i += 1
                elif op == 4:
                    c = int(A);x = int(B)
                    i = 0
                    while i < 2: R[0]=ptr32(c)[0]-ptr32(x)[0];R[1]=ptr32(c)[1]-ptr32(x)[1];R[2]=ptr32(c)[2]-ptr32(x)[2];R[3]=ptr32(c)[3]-ptr32(x)[3];R[4]=ptr32(c)[4]-ptr32(x)[4];R[5]=ptr32(c)[5]-ptr32(x)[5];R[6]=ptr32(c)[6]-ptr32(x)[6];R[7]=ptr32(c)[7]-ptr32(x)[7];R[8]=ptr32(c)[8]-ptr32(x)[8];R[9]=ptr32(c)[9]-ptr32(x)[9];R=ptr32(int(R)+40);c+=40;x+=40;i += 1
                elif op == 5:
                    n0=A[19]+256>>9;x=8191;c=A[0]+n0+4096;R[0]=(c&x)-4096;c=(c>>13)+A[1]+4096;R[1]=(c&x)-4096;c=(c>>13)+A[2]+4096;R[2]=(c&x)-4096;c=(c>>13)+A[3]+4096;R[3]=(c&x)-4096;c=(c>>13)+A[4]+4096;R[4]=(c&x)-4096;c=(c>>13)+A[5]+4096;R[5]=(c&x)-4096;c=(c>>13)+A[6]+4096;R[6]=(c&x)-4096;c=(c>>13)+A[7]-(n0<<5)+4096;R[7]=(c&x)-4096;c=(c>>13)+A[8]+4096;R[8]=(c&x)-4096;c=(c>>13)+A[9]+4096;R[9]=(c&x)-4096;c=(c>>13)+A[10]+4096;R[10]=(c&x)-4096;c=(c>>13)+A[11]+4096;R[11]=(c&x)-4096;c=(c>>13)+A[12]+4096;R[12]=(c&x)-4096;c=(c>>13)+A[13]+4096;R[13]=(c&x)-4096;c=(c>>13)+A[14]-(n0<<10)+4096;R[14]=(c&x)-4096;c=(c>>13)+A[15]+4096;R[15]=(c&x)-4096;c=(c>>13)+A[16]+4096;R[16]=(c&x)-4096;c=(c>>13)+A[17]+(n0<<3)+4096;R[17]=(c&x)-4096;c=(c>>13)+A[18]+4096;R[18]=(c&x)-4096;R[19]=(c>>13)+A[19]-(n0<<9)
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
