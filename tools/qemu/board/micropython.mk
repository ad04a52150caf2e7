SRC_USERMOD_C += $(USERMOD_DIR)/port_virt.c $(USERMOD_DIR)/modvirt.c
