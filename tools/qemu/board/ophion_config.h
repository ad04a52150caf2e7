// What this board adds to the port's configuration. Rule: as on ESP32 wherever the machine allows it.

#include <mpconfigport.h>

#undef MICROPY_PY_TIME
#undef MICROPY_PY_SELECT
#undef MICROPY_PY_ASYNCIO
#undef MICROPY_PY_SYS_STDIO_BUFFER
#undef MICROPY_PY_MACHINE_INCLUDEFILE

#define MICROPY_OPT_COMPUTED_GOTO (1)
#define MICROPY_STACK_CHECK_MARGIN (1024)
#define MICROPY_ALLOC_PATH_MAX (128)
#define MICROPY_STREAMS_POSIX_API (1)
#define MICROPY_SCHEDULER_DEPTH (8)
#define MICROPY_PY_STR_BYTES_CMP_WARN (1)
#define MICROPY_PY_ALL_INPLACE_SPECIAL_METHODS (1)
#define MICROPY_PY_IO_BUFFEREDWRITER (1)

#define MICROPY_PY_SYS_STDIO_BUFFER (1)
#define MICROPY_PY_SELECT (1)
#define MICROPY_PY_ASYNCIO (1)
#define MICROPY_PY_TIME (1)
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (1)
#define MICROPY_PY_TIME_TIME_TIME_NS (1)
#define MICROPY_PY_TIME_INCLUDEFILE "time_virt.c"

#define MICROPY_PY_HASHLIB_SHA256 (1)
#define MICROPY_PY_OS_UNAME (1)
#define MICROPY_PY_OS_SYNC (1)
#define MICROPY_PY_MACHINE_INCLUDEFILE "machine_virt.c"
#define MICROPY_PY_MACHINE_WDT (1)
#define MICROPY_PY_MACHINE_WDT_INCLUDEFILE "wdt_virt.c"

// Interrupts off, and back as they were (mstatus.MIE).
#define MICROPY_BEGIN_ATOMIC_SECTION() virt_irq_off()
#define MICROPY_END_ATOMIC_SECTION(state) virt_irq_restore(state)
#define MICROPY_INTERNAL_WFE(timeout_ms) virt_wait(timeout_ms)

static inline uint32_t virt_irq_off(void) {
    uint32_t before;
    __asm volatile ("csrrci %0, mstatus, 8" : "=r" (before) : : "memory");
    return before & 8;
}

static inline void virt_irq_restore(uint32_t state) {
    __asm volatile ("csrs mstatus, %0" : : "r" (state) : "memory");
}

void virt_wait(int timeout_ms);
