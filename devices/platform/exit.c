/* SPDX-License-Identifier: Apache-2.0 */
/* The exit status register. */
#include "exit.h"

#include <string.h>

static uint64_t exit_reg_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct exit_reg *e = opaque;

	(void)size;
	switch (offset) {
	case EXIT_STATUS: return e->status;
	case EXIT_ID_REG: return EXIT_ID;
	default: return 0;
	}
}

static void exit_reg_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct exit_reg *e = opaque;

	(void)size;
	if (offset != EXIT_STATUS)
		return;
	e->status = (uint8_t)value;
	e->written = true;
}

static const char *exit_reg_name(uint64_t offset)
{
	switch (offset) {
	case EXIT_STATUS: return "STATUS";
	case EXIT_ID_REG: return "ID";
	default: return NULL;
	}
}

int exit_reg_init(struct exit_reg *e, struct bus *bus, gpa_t base)
{
	static const struct bus_ops ops = { exit_reg_read, exit_reg_write, exit_reg_name };

	memset(e, 0, sizeof(*e));
	e->bus = bus;
	e->region = (struct bus_region){ "exit", &ops, e, base, EXIT_REG_SIZE };
	return bus_add(bus, &e->region);
}

void exit_reg_reset(struct exit_reg *e)
{
	e->status = 0;
	e->written = false;
}

void exit_reg_destroy(struct exit_reg *e)
{
	bus_del(e->bus, &e->region);
}
