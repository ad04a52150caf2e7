// The module `virt`: what Python needs of this machine and MicroPython has no name for.

#include "py/objarray.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "virt.h"

// instret(): instructions since the start of main() (minstret); waiting counts, too, at 1 ns each.
static mp_obj_t mod_instret(void) {
    return mp_obj_new_int_from_ull(virt_instructions());
}
static MP_DEFINE_CONST_FUN_OBJ_0(mod_instret_obj, mod_instret);

// exit(code): end QEMU with this exit status.
static mp_obj_t mod_exit(mp_obj_t code) {
    uint32_t status = mp_obj_get_int(code) & 0xff;
    VIRT_TEST = status ? 0x3333 | status << 16 : 0x5555;
    for (;;) {
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(mod_exit_obj, mod_exit);

// romfs(): the ROMFS that was loaded into RAM, as a memoryview, or None.
static mp_obj_t mod_romfs(void) {
    if (VIRT_START->magic != VIRT_START_MAGIC || VIRT_START->size == 0) {
        return mp_const_none;
    }
    return mp_obj_new_memoryview('B', VIRT_START->size, (void *)VIRT_START->romfs);
}
static MP_DEFINE_CONST_FUN_OBJ_0(mod_romfs_obj, mod_romfs);

// memory([data]): bytes that survive a reset, as machine.RTC().memory() on ESP32.
static mp_obj_t mod_memory(size_t n_args, const mp_obj_t *args) {
    virt_retained_t *retained = VIRT_RETAINED;
    if (n_args == 0) {
        return mp_obj_new_bytes(retained->memory, retained->length);
    }
    mp_buffer_info_t data;
    mp_get_buffer_raise(args[0], &data, MP_BUFFER_READ);
    if (data.len > sizeof(retained->memory)) {
        mp_raise_ValueError(MP_ERROR_TEXT("memory holds 2048 bytes"));
    }
    memcpy(retained->memory, data.buf, data.len);
    retained->length = data.len;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_memory_obj, 0, 1, mod_memory);

static const mp_rom_map_elem_t virt_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_virt) },
    { MP_ROM_QSTR(MP_QSTR_exit), MP_ROM_PTR(&mod_exit_obj) },
    { MP_ROM_QSTR(MP_QSTR_instret), MP_ROM_PTR(&mod_instret_obj) },
    { MP_ROM_QSTR(MP_QSTR_memory), MP_ROM_PTR(&mod_memory_obj) },
    { MP_ROM_QSTR(MP_QSTR_romfs), MP_ROM_PTR(&mod_romfs_obj) },
};
static MP_DEFINE_CONST_DICT(virt_globals, virt_globals_table);

const mp_obj_module_t virt_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&virt_globals,
};
MP_REGISTER_MODULE(MP_QSTR_virt, virt_module);
