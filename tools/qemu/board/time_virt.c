// Wall time from QEMU's real-time clock. Included by extmod/modtime.c.

#include "py/obj.h"
#include "shared/timeutils/timeutils.h"

#define NS_PER_S (1000000000)

static mp_uint_t seconds_now(void) {
    return mp_hal_time_ns() / NS_PER_S;
}

static mp_obj_t mp_time_time_get(void) {
    return mp_obj_new_int_from_uint(seconds_now());
}

static mp_obj_t mp_time_localtime_get(void) {
    timeutils_struct_time_t now;
    timeutils_seconds_since_epoch_to_struct_time(seconds_now(), &now);
    const mp_uint_t fields[8] = {
        now.tm_year, now.tm_mon, now.tm_mday, now.tm_hour,
        now.tm_min, now.tm_sec, now.tm_wday, now.tm_yday,
    };
    mp_obj_t items[8];
    for (size_t i = 0; i < MP_ARRAY_SIZE(items); ++i) {
        items[i] = MP_OBJ_NEW_SMALL_INT(fields[i]);
    }
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
