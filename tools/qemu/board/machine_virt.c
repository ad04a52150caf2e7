// machine.reset() through QEMU's test device, its cause, and idle(). Included by extmod/modmachine.c.

#include "virt.h"

static void mp_machine_idle(void) {
    virt_wait(1);
}

static void mp_machine_reset(void) {
    virt_reset(CAUSE_HARD);
}

static mp_int_t mp_machine_reset_cause(void) {
    return VIRT_RETAINED->cause;
}

#define MICROPY_PY_MACHINE_EXTRA_GLOBALS \
    { MP_ROM_QSTR(MP_QSTR_PWRON_RESET), MP_ROM_INT(CAUSE_PWRON) }, \
    { MP_ROM_QSTR(MP_QSTR_HARD_RESET), MP_ROM_INT(CAUSE_HARD) }, \
    { MP_ROM_QSTR(MP_QSTR_WDT_RESET), MP_ROM_INT(CAUSE_WDT) }, \
    { MP_ROM_QSTR(MP_QSTR_DEEPSLEEP_RESET), MP_ROM_INT(CAUSE_DEEPSLEEP) }, \
    { MP_ROM_QSTR(MP_QSTR_SOFT_RESET), MP_ROM_INT(CAUSE_SOFT) },
