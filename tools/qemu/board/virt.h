// The machine `virt` of qemu-system-riscv32: its devices, and what this board keeps where in its RAM.

#ifndef OPHION_VIRT_H
#define OPHION_VIRT_H

#include <stddef.h>
#include <stdint.h>

// Devices (QEMU's memory map of the machine).
#define VIRT_TEST (*(volatile uint32_t *)0x00100000)
#define VIRT_RTC ((volatile uint32_t *)0x00101000)
#define VIRT_MTIMECMP ((volatile uint32_t *)0x02004000)
#define VIRT_MTIME ((volatile uint32_t *)0x0200bff8)
#define VIRT_PLIC 0x0c000000
#define VIRT_UART ((volatile uint8_t *)0x10000000)
#define VIRT_TICKS_PER_US (10)

// RAM. virt.ld ends at 0x80610000; QEMU clears RAM when it starts and keeps it at a reset.
#define VIRT_RETAINED ((virt_retained_t *)0x80f00000)
#define VIRT_HEAP ((uint8_t *)0x81000000)
#define VIRT_START ((const virt_start_t *)0x86000000)
#define VIRT_HEAP_MAX (0x05000000)
#define VIRT_HEAP_DEFAULT (256 * 1024)

// Survives a reset, not an end of QEMU: what RTC memory is on a chip.
typedef struct {
    uint32_t magic;
    uint32_t cause;
    uint32_t length;
    uint8_t memory[2048];
} virt_retained_t;

// What rig.py loads into RAM: `heap` in bytes, then a ROMFS of `size` bytes.
typedef struct {
    uint32_t magic;
    uint32_t heap;
    uint32_t size;
    uint32_t unused;
    uint8_t romfs[];
} virt_start_t;

#define VIRT_RETAINED_MAGIC (0x5254484f)
#define VIRT_START_MAGIC (0x5152484f)

// As on ESP32.
enum { CAUSE_PWRON = 1, CAUSE_HARD, CAUSE_WDT, CAUSE_DEEPSLEEP, CAUSE_SOFT };

uint64_t virt_ticks(void);
uint64_t virt_instructions(void);
void virt_watchdog(uint64_t at);
void virt_reset(uint32_t cause) __attribute__((noreturn));

#endif
