// machine.WDT over the timer interrupt: it resets, and once armed it cannot be stopped.
// Included by extmod/machine_wdt.c.

#include "virt.h"

struct _machine_wdt_obj_t {
    mp_obj_base_t base;
    uint64_t timeout;
};

static machine_wdt_obj_t wdt = { { &machine_wdt_type }, 0 };

static void mp_machine_wdt_feed(machine_wdt_obj_t *self) {
    virt_watchdog(virt_ticks() + self->timeout);
}

static machine_wdt_obj_t *mp_machine_wdt_make_new_instance(mp_int_t id, mp_int_t timeout_ms) {
    if (id != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("there is only WDT 0"));
    }
    if (timeout_ms <= 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("WDT timeout must be positive"));
    }
    wdt.timeout = (uint64_t)timeout_ms * 1000 * VIRT_TICKS_PER_US;
    mp_machine_wdt_feed(&wdt);
    return &wdt;
}
