// Start, console, clock, interrupts and watchdog of the board.

#include "py/cstack.h"
#include "py/gc.h"
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/ringbuf.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "shared/runtime/gchelper.h"
#include "shared/runtime/interrupt_char.h"
#include "shared/runtime/pyexec.h"
#include "shared/timeutils/timeutils.h"
#include "virt.h"

#define STACK_BYTES (16 * 1024)
#define UART_DATA_READY (0x01)
#define UART_TX_EMPTY (0x20)
#define UART_IRQ (10)
#define MIP_TIMER (1u << 7)
#define MIP_EXTERNAL (1u << 11)
#define NEVER UINT64_MAX

void exit(int status) __attribute__((noreturn));

static uint8_t input_bytes[1024];
static ringbuf_t input = { input_bytes, sizeof(input_bytes), 0, 0 };
static volatile uint64_t watchdog_at = NEVER;
static uint64_t first_instruction;

// ---- clock -------------------------------------------------------------------------------------

uint64_t virt_ticks(void) {
    uint32_t high, low;
    do {
        high = VIRT_MTIME[1];
        low = VIRT_MTIME[0];
    } while (high != VIRT_MTIME[1]);
    return (uint64_t)high << 32 | low;
}

// QEMU's counter is its virtual clock, which may run before the processor does: counted from main() on.
uint64_t virt_instructions(void) {
    uint32_t high, low, again;
    do {
        __asm volatile ("csrr %0, minstreth" : "=r" (high));
        __asm volatile ("csrr %0, minstret" : "=r" (low));
        __asm volatile ("csrr %0, minstreth" : "=r" (again));
    } while (high != again);
    return ((uint64_t)high << 32 | low) - first_instruction;
}

mp_uint_t mp_hal_ticks_us(void) {
    return virt_ticks() / VIRT_TICKS_PER_US;
}

mp_uint_t mp_hal_ticks_ms(void) {
    return virt_ticks() / (1000 * VIRT_TICKS_PER_US);
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return virt_instructions();
}

uint64_t mp_hal_time_ns(void) {
    uint32_t low = VIRT_RTC[0]; // reading the low word holds the high one
    uint64_t since_1970 = (uint64_t)VIRT_RTC[1] << 32 | low;
    return since_1970 - TIMEUTILS_SECONDS_1970_TO_2000 * 1000000000ULL;
}

// The next timer interrupt: the watchdog's or `wake`, whichever is first. None is a comparison in the
// past, masked: with one in the far future QEMU's `-icount sleep=off` would jump there when idle.
static void set_timer(uint64_t wake) {
    uint64_t at = wake < watchdog_at ? wake : watchdog_at;
    if (at == NEVER) {
        __asm volatile ("csrc mie, %0" : : "r" (MIP_TIMER));
        at = 0;
    } else {
        __asm volatile ("csrs mie, %0" : : "r" (MIP_TIMER));
    }
    VIRT_MTIMECMP[0] = (uint32_t)at;
    VIRT_MTIMECMP[1] = at >> 32;
}

// Sleep until an interrupt or until `wake`, unless input or scheduled work is there already.
static void sleep_until(uint64_t wake) {
    uint32_t state = virt_irq_off();
    bool pending = MP_STATE_VM(sched_state) == MP_SCHED_PENDING || ringbuf_avail(&input);
    if (!pending) {
        set_timer(wake);
        __asm volatile ("wfi"); // wakes with interrupts off, too
    }
    virt_irq_restore(state);
}

void virt_wait(int timeout_ms) {
    sleep_until(timeout_ms < 0 ? NEVER : virt_ticks() + (uint64_t)timeout_ms * 1000 * VIRT_TICKS_PER_US);
}

void mp_hal_delay_us(mp_uint_t us) {
    uint64_t end = virt_ticks() + (uint64_t)us * VIRT_TICKS_PER_US;
    while (virt_ticks() < end) {
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    uint64_t end = virt_ticks() + (uint64_t)ms * 1000 * VIRT_TICKS_PER_US;
    while (virt_ticks() < end) {
        mp_handle_pending(true);
        uint32_t state = virt_irq_off();
        if (MP_STATE_VM(sched_state) != MP_SCHED_PENDING) {
            set_timer(end);
            __asm volatile ("wfi");
        }
        virt_irq_restore(state);
    }
    mp_handle_pending(true);
}

// ---- watchdog and reset ------------------------------------------------------------------------

void virt_watchdog(uint64_t at) {
    uint32_t state = virt_irq_off();
    watchdog_at = at;
    set_timer(NEVER);
    virt_irq_restore(state);
}

void virt_reset(uint32_t cause) {
    VIRT_RETAINED->cause = cause;
    VIRT_TEST = 0x7777;
    for (;;) {
    }
}

// ---- interrupts --------------------------------------------------------------------------------

// Take what the UART has; when the buffer is full its interrupt goes off, and QEMU holds the rest.
static void take_input(void) {
    while (VIRT_UART[5] & UART_DATA_READY) {
        if (ringbuf_free(&input) == 0) {
            VIRT_UART[1] = 0;
            return;
        }
        int c = VIRT_UART[0];
        if (c == mp_interrupt_char) {
            mp_sched_keyboard_interrupt();
        } else {
            ringbuf_put(&input, c);
        }
    }
}

static void machine_fault(uint32_t cause) {
    uint32_t at, value;
    __asm volatile ("csrr %0, mepc" : "=r" (at));
    __asm volatile ("csrr %0, mtval" : "=r" (value));
    mp_printf(&mp_plat_print, "\nMACHINE EXCEPTION %u at %08x, value %08x\n",
        (unsigned)cause, (unsigned)at, (unsigned)value);
    VIRT_TEST = 0x3333 | 70 << 16;
    for (;;) {
    }
}

__attribute__((interrupt("machine"), aligned(4))) static void on_trap(void) {
    uint32_t cause;
    __asm volatile ("csrr %0, mcause" : "=r" (cause));
    if (cause == (0x80000000 | 7)) {
        if (virt_ticks() >= watchdog_at) {
            virt_reset(CAUSE_WDT);
        }
        set_timer(NEVER);
    } else if (cause == (0x80000000 | 11)) {
        volatile uint32_t *claim = (volatile uint32_t *)(VIRT_PLIC + 0x200004);
        uint32_t source = *claim;
        take_input();
        *claim = source;
    } else {
        machine_fault(cause);
    }
}

static void start_interrupts(void) {
    __asm volatile ("csrw mtvec, %0" : : "r" (on_trap));
    *(volatile uint32_t *)(VIRT_PLIC + 4 * UART_IRQ) = 1;
    *(volatile uint32_t *)(VIRT_PLIC + 0x2000) = 1u << UART_IRQ;
    *(volatile uint32_t *)(VIRT_PLIC + 0x200000) = 0;
    VIRT_UART[1] = 1;
    __asm volatile ("csrs mie, %0" : : "r" (MIP_EXTERNAL));
    set_timer(NEVER);
    virt_irq_restore(8);
}

// ---- console -----------------------------------------------------------------------------------

void uart_init(void) {
    VIRT_UART[2] = 1; // FIFO on
}

static int take_char(void) {
    uint32_t state = virt_irq_off();
    int c = ringbuf_get(&input);
    VIRT_UART[1] = 1;
    virt_irq_restore(state);
    return c;
}

int mp_hal_stdin_rx_chr(void) {
    for (;;) {
        int c = take_char();
        if (c >= 0) {
            return c;
        }
        mp_handle_pending(true);
        sleep_until(NEVER);
    }
}

uintptr_t mp_hal_stdio_poll(uintptr_t poll_flags) {
    uintptr_t ready = poll_flags & MP_STREAM_POLL_WR;
    if ((poll_flags & MP_STREAM_POLL_RD) && ringbuf_avail(&input)) {
        ready |= MP_STREAM_POLL_RD;
    }
    return ready;
}

mp_uint_t mp_hal_stdout_tx_strn(const char *str, size_t len) {
    for (size_t i = 0; i < len; ++i) {
        while (!(VIRT_UART[5] & UART_TX_EMPTY)) {
        }
        VIRT_UART[0] = str[i];
    }
    return len;
}

// ---- start -------------------------------------------------------------------------------------

static size_t heap_bytes(void) {
    if (VIRT_START->magic != VIRT_START_MAGIC || VIRT_START->heap == 0) {
        return VIRT_HEAP_DEFAULT;
    }
    return VIRT_START->heap < VIRT_HEAP_MAX ? VIRT_START->heap : VIRT_HEAP_MAX;
}

static void start_retained(void) {
    if (VIRT_RETAINED->magic != VIRT_RETAINED_MAGIC) {
        VIRT_RETAINED->magic = VIRT_RETAINED_MAGIC;
        VIRT_RETAINED->cause = CAUSE_PWRON;
        VIRT_RETAINED->length = 0;
    }
}

// _boot.py, boot.py, main.py, then the REPL until a soft reset.
static void run_python(void) {
    pyexec_frozen_module("_boot.py", false);
    int result = pyexec_file_if_exists("boot.py");
    if (result & PYEXEC_FORCED_EXIT) {
        return;
    }
    if (result && pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL) {
        if (pyexec_file_if_exists("main.py") & PYEXEC_FORCED_EXIT) {
            return;
        }
    }
    while ((pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl()) == 0) {
    }
}

int main(int argc, char **argv) {
    first_instruction = virt_instructions();
    mp_cstack_init_with_sp_here(STACK_BYTES);
    start_retained();
    start_interrupts();
    for (;;) {
        gc_init(VIRT_HEAP, VIRT_HEAP + heap_bytes());
        mp_init();
        run_python();
        mp_printf(&mp_plat_print, "MPY: soft reboot\n");
        gc_sweep_all();
        mp_deinit();
        VIRT_RETAINED->cause = CAUSE_SOFT;
    }
}

void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    gc_collect_end();
}

void nlr_jump_fail(void *val) {
    mp_printf(&mp_plat_print, "uncaught NLR\n");
    exit(1);
}
