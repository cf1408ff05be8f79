/* SPDX-License-Identifier: Apache-2.0 */
/* See dt.h. Every function here does nothing once an error is kept. */
#include "dt.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <libfdt.h>

/* Runs one libfdt call unless an earlier one failed, and keeps its error. */
#define DT_TRY(dt, call)                                                                                               \
	do {                                                                                                           \
		if (!(dt)->error)                                                                                      \
			(dt)->error = (call);                                                                          \
	} while (0)

void dt_init(struct dt *dt, void *blob, size_t size)
{
	*dt = (struct dt){ .blob = blob, .size = size > INT_MAX ? INT_MAX : (int)size };
	DT_TRY(dt, fdt_create(dt->blob, dt->size));
	DT_TRY(dt, fdt_finish_reservemap(dt->blob));
}

void dt_begin(struct dt *dt, const char *name)
{
	dt->depth++;
	DT_TRY(dt, fdt_begin_node(dt->blob, name));
}

void dt_begin_at(struct dt *dt, const char *name, uint64_t addr)
{
	char full[64];
	int len = snprintf(full, sizeof(full), "%s@%llx", name, (unsigned long long)addr);

	if (len >= (int)sizeof(full))
		DT_TRY(dt, -FDT_ERR_BADVALUE);
	dt_begin(dt, full);
}

void dt_end(struct dt *dt)
{
	dt->depth--;
	DT_TRY(dt, fdt_end_node(dt->blob));
}

void dt_empty(struct dt *dt, const char *prop)
{
	dt_bytes(dt, prop, NULL, 0);
}

void dt_str(struct dt *dt, const char *prop, const char *value)
{
	dt_bytes(dt, prop, value, strlen(value) + 1);
}

void dt_strs(struct dt *dt, const char *prop, const char *list, size_t size)
{
	dt_bytes(dt, prop, list, size);
}

void dt_u32(struct dt *dt, const char *prop, uint32_t value)
{
	DT_TRY(dt, fdt_property_u32(dt->blob, prop, value));
}

void dt_u64(struct dt *dt, const char *prop, uint64_t value)
{
	DT_TRY(dt, fdt_property_u64(dt->blob, prop, value));
}

void dt_cells(struct dt *dt, const char *prop, const uint32_t *cells, size_t count)
{
	void *value = NULL;

	if (count > INT_MAX / sizeof(fdt32_t)) {
		DT_TRY(dt, -FDT_ERR_NOSPACE);
		return;
	}
	DT_TRY(dt, fdt_property_placeholder(dt->blob, prop, (int)(count * sizeof(fdt32_t)), &value));
	if (dt->error)
		return;
	for (size_t i = 0; i < count; i++)
		fdt32_st((uint8_t *)value + i * sizeof(fdt32_t), cells[i]);
}

void dt_bytes(struct dt *dt, const char *prop, const void *bytes, size_t len)
{
	if (len > INT_MAX)
		DT_TRY(dt, -FDT_ERR_NOSPACE);
	DT_TRY(dt, fdt_property(dt->blob, prop, len ? bytes : "", (int)len));
}

void dt_reg(struct dt *dt, uint64_t base, uint64_t size)
{
	const uint32_t cells[] = { (uint32_t)(base >> 32), (uint32_t)base, (uint32_t)(size >> 32), (uint32_t)size };

	dt_cells(dt, "reg", cells, sizeof(cells) / sizeof(cells[0]));
}

int dt_finish(struct dt *dt)
{
	/* libfdt counts no nodes itself: it would make a blob that no reader takes. */
	if (dt->depth != 0)
		DT_TRY(dt, -FDT_ERR_BADSTATE);
	DT_TRY(dt, fdt_finish(dt->blob));
	return dt->error ? dt->error : (int)fdt_totalsize(dt->blob);
}
