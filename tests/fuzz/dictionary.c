/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See dictionary.h and language.h. What a device's entries are: steps of the raw language. The other one's mutator knows registers
 * and verbs by itself.
 */
#include "dictionary.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "board.h"
#include "language.h"
#include "machine.h"
#include "raw.h"
#include "shape.h"
#include "trace.h"

void fuzz_dictionary_entry(FILE *file, const uint8_t *bytes, size_t len, const char *format, ...)
{
	char name[80];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	for (char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c))
			*c = '_';
	fprintf(file, "%s=\"", name);
	for (size_t i = 0; i < len; i++)
		fprintf(file, "\\x%02x", bytes[i]);
	fprintf(file, "\"\n");
}

/* Steps on their way into an entry. */
struct steps {
	uint8_t bytes[FUZZ_DICTIONARY_MOST];
	size_t len;
};

static void add(struct steps *s, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes && s->len < sizeof(s->bytes); i++)
		s->bytes[s->len++] = (uint8_t)(value >> (8 * i));
}

/* A number as it is, or in the one byte that means it. */
static void add_number(struct steps *s, uint64_t value)
{
	bool wide = value > UINT32_MAX;

	if (value < 0x80) {
		add(s, value, 1);
		return;
	}
	add(s, wide ? FUZZ_RAW_8_BYTES : FUZZ_RAW_4_BYTES, 1);
	add(s, value, wide ? 8 : 4);
}

static void add_write(struct steps *s, unsigned int reg, uint64_t value)
{
	add(s, FUZZ_RAW_WRITE_REG, 1);
	add(s, reg, 1);
	add_number(s, value);
}

/* -1: the device has no register of either name. */
static int find_reg(const struct fuzz_device *d, const char *on_mmio, const char *on_pci)
{
	for (int i = 0; d->regs[i].name; i++)
		if (!strcmp(d->regs[i].name, d->on_pci ? on_pci : on_mmio))
			return i;
	return -1;
}

static void write_registers(const struct fuzz_device *d, FILE *file)
{
	for (unsigned int i = 0; d->regs[i].name; i++) {
		const uint8_t read[] = { FUZZ_RAW_READ_REG, (uint8_t)i }, write[] = { FUZZ_RAW_WRITE_REG, (uint8_t)i };

		fuzz_dictionary_entry(file, read, sizeof(read), "read %s", d->regs[i].name);
		fuzz_dictionary_entry(file, write, sizeof(write), "write %s", d->regs[i].name);
	}
}

/* Registers that take an address of the bus, with some; where the upper half has a register behind it, also both at once. */
static void write_places(const struct fuzz_device *d, FILE *file)
{
	for (unsigned int i = 0; d->regs[i].name; i++) {
		if (!strstr(d->regs[i].name, "BAR ") && !strstr(d->regs[i].name, " address"))
			continue;
		for (const struct fuzz_place *p = fuzz_places; p->name; p++) {
			struct steps s = { .len = 0 };

			add_write(&s, i, (uint32_t)p->addr);
			fuzz_dictionary_entry(file, s.bytes, s.len, "%s is %s", d->regs[i].name, p->name);
			if (!d->regs[i + 1].name || d->regs[i + 1].addr != d->regs[i].addr + 4)
				continue;
			add_write(&s, i + 1, p->addr >> 32);
			fuzz_dictionary_entry(file, s.bytes, s.len, "%s is all of %s", d->regs[i].name, p->name);
		}
	}
}

/* Its features one by one, written as a driver accepts them; of the device type's own ones only the numbers are known. */
static void write_features(const struct fuzz_device *d, FILE *file)
{
	int select = find_reg(d, "DRIVER_FEATURES_SEL", "GFSELECT"), accept = find_reg(d, "DRIVER_FEATURES", "GF");

	for (unsigned int bit = 0; bit < 64 && select >= 0 && accept >= 0; bit++) {
		const char *name = virtio_feature_name(bit);
		struct steps s = { .len = 0 };

		if (!name && bit >= VIRTIO_TRANSPORT_F_START)
			continue;
		add_write(&s, (unsigned int)select, bit / 32);
		add_write(&s, (unsigned int)accept, 1ULL << bit % 32);
		fuzz_dictionary_entry(
			file, s.bytes, s.len, name ? "accept %s" : "accept own %s%u", name ? name : "", bit);
	}
}

/* What a driver does and says, and how the world behind the device is. */
static void write_steps(const struct fuzz_device *d, FILE *file)
{
	for (unsigned int i = 0; i < fuzz_raw_status_count; i++) {
		const uint8_t step = (uint8_t)(FUZZ_RAW_STATUS | i << 4);

		fuzz_dictionary_entry(file, &step, 1, "status %u", fuzz_raw_statuses[i]);
	}
	for (unsigned int i = 0; d->requests && d->requests[i].name; i++) {
		const uint8_t step[] = { FUZZ_RAW_REQUEST, (uint8_t)i };

		fuzz_dictionary_entry(file, step, sizeof(step), "request %s", d->requests[i].name);
	}
	for (unsigned int i = 0; i < 8; i++) {
		const uint8_t step[] = { FUZZ_RAW_BRING_UP, (uint8_t)(1u << i), 8 };

		fuzz_dictionary_entry(file, step, sizeof(step), "bring up %u", i);
	}
}

/* One in a ring (FUZZ_RAW_DESC), and as a load finds it: read backwards from the end of an input. */
static void write_descriptors(FILE *file)
{
	for (unsigned int i = 0; i < fuzz_shape_flag_count; i++) {
		const uint8_t store[] = { FUZZ_RAW_DESC, 0, 0, 1, (uint8_t)i, 1 }, load[] = { 1, (uint8_t)i, 1, 0 };

		fuzz_dictionary_entry(file, store, sizeof(store), "descriptor 0x%x", fuzz_shape_flags[i]);
		fuzz_dictionary_entry(file, load, sizeof(load), "loaded 0x%x", fuzz_shape_flags[i]);
	}
}

void fuzz_language_dictionary(const struct fuzz_target *target, FILE *file)
{
	const struct fuzz_device *d = target->opaque;

	write_registers(d, file);
	write_places(d, file);
	for (unsigned int i = 0; i < FUZZ_HOSTS && i < 16; i++) {
		const uint8_t step = (uint8_t)(FUZZ_RAW_HOST | i << 4);

		fuzz_dictionary_entry(file, &step, 1, "host %s", fuzz_host_names[i]);
	}
	/* The rest is a virtio driver's. */
	if (!d->request)
		return;
	write_features(d, file);
	write_steps(d, file);
	write_descriptors(file);
}
