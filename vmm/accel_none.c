/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accelerator of builds without KVM (any architecture but aarch64): a machine can be built and described, for --dump-dtb,
 * as a GICv3 host with a PMU and an ITS would have it; starting its CPUs is refused. Interrupt lines go nowhere.
 */
#include "accel.h"

#include <stdlib.h>

#include "layout.h"

struct accel_none {
	struct accel accel;
	struct irq line[LAYOUT_SPIS];
};

static int none_map(struct accel *accel, const struct mem_region *region, struct error *error)
{
	(void)accel;
	(void)region;
	(void)error;
	return 0;
}

static const struct irq_ops line_ops = { .raise = irq_no_level, .lower = irq_no_level, .fd = irq_no_fd };

static struct irq *none_spi(struct accel *accel, uint32_t spi, struct error *error)
{
	struct accel_none *none = container_of(accel, struct accel_none, accel);

	(void)error;
	none->line[spi] = (struct irq){ .ops = &line_ops, .num = spi };
	return &none->line[spi];
}

int accel_available(struct error *error)
{
	return error_set(error, STATUS_HOST,
		"this minivmm was built without KVM: aarch64 guests need an aarch64 host (guest/boot emulates one "
		"anywhere)");
}

static int none_start(struct accel *accel, gpa_t entry, gpa_t dtb, struct error *error)
{
	(void)accel;
	(void)entry;
	(void)dtb;
	return accel_available(error);
}

static void none_stop(struct accel *accel)
{
	(void)accel;
}

static void none_collect_stats(struct accel *accel, struct stats *total)
{
	(void)accel;
	(void)total;
}

static void none_destroy(struct accel *accel)
{
	free(container_of(accel, struct accel_none, accel));
}

static const struct accel_ops none_ops = {
	.map = none_map,
	.spi = none_spi,
	.start = none_start,
	.stop = none_stop,
	.collect_stats = none_collect_stats,
	.destroy = none_destroy,
};

struct accel *accel_open_host(const struct options *options, struct accel_machine *machine, struct error *error)
{
	struct accel_none *none = calloc(1, sizeof(*none));

	(void)machine;
	if (!none) {
		error_set(error, STATUS_HOST, "out of memory");
		return NULL;
	}
	none->accel.ops = &none_ops;
	accel_describe(&none->accel, options);
	none->accel.its = options->pci && options->msi != MSI_V2M; /* described, never used */
	return &none->accel;
}
