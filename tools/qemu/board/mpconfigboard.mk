# MicroPython's qemu port, board OPHION_VIRT: qemu-system-riscv32 -machine virt, set up like an ESP32.
# Used with BOARD_DIR= and USER_C_MODULES= of this folder; nothing of the port itself is changed.

QEMU_ARCH = riscv32
QEMU_MACHINE = virt
LDSCRIPT = $(BOARD_DIR)/virt.ld

# With the older ISA specification `i` includes the CSR instructions, so that the compiler's name of
# the architecture is one that Debian's libgcc and picolibc exist for.
RV32_ARCH = rv32imac
AFLAGS += -misa-spec=2.2
LDFLAGS += -misa-spec=2.2

CFLAGS += -DQEMU_SOC_VIRT -DMICROPY_HW_MCU_NAME='"$(RV32_ARCH)"'
CFLAGS += -DMP_CONFIGFILE='"ophion_config.h"' -I$(BOARD_DIR)
QSTR_GLOBAL_DEPENDENCIES += $(BOARD_DIR)/ophion_config.h $(BOARD_DIR)/machine_virt.c $(BOARD_DIR)/time_virt.c

MICROPY_VFS_LFS2 = 1
MPY_CROSS_FLAGS += -march=rv32imc
SRC_BOARD_O += shared/runtime/gchelper_native.o shared/runtime/gchelper_rv32i.o

# The port's own main, UART and HAL poll; ours (port_virt.c) has interrupts, a clock and a watchdog.
override SRC_C := \
	mcu/rv32/interrupts.c \
	mcu/rv32/startup.c \
	shared/libc/string0.c \
	shared/readline/readline.c \
	shared/runtime/interrupt_char.c \
	shared/runtime/pyexec.c \
	shared/runtime/stdout_helpers.c \
	shared/runtime/sys_stdio_mphal.c \
	shared/timeutils/timeutils.c
