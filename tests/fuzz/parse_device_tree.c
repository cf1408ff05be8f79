/* SPDX-License-Identifier: Apache-2.0 */
/* The device tree builder, told to describe any machine in a buffer of any size. What it makes has to be what libfdt takes. */
#include <libfdt.h>

#include "dt_nodes.h"
#include "input.h"
#include "targets.h"

#define MOST	     (64 * 1024) /* bytes of tree: what boot.h keeps free for one */
#define MOST_CPU     123
#define MOST_DEVICES 32 /* libfdt's check is quadratic */

static struct dt_range range(struct fuzz_input *in)
{
	struct dt_range r;

	r.base = fuzz_take_number(in, 8);
	r.size = fuzz_take_number(in, 8);
	return r;
}

static char *text(struct fuzz_input *in)
{
	size_t len = fuzz_take_number(in, 1), got;
	const uint8_t *data = fuzz_take(in, len, &got);

	return fuzz_text(data, got);
}

static void add_chosen(struct dt *dt, struct fuzz_input *in)
{
	uint8_t have = (uint8_t)fuzz_take_number(in, 1);
	char *bootargs = text(in), *path = text(in), *seed = text(in);
	/* Numbers in the order of the input, which that of an initialiser need not be. */
	uint64_t initrd = fuzz_take_number(in, 8), initrd_size = fuzz_take_number(in, 8);
	const struct dt_chosen chosen = {
		.bootargs = have & 1 ? bootargs : NULL,
		.stdout_path = have & 2 ? path : NULL,
		.initrd = initrd,
		.initrd_size = have & 4 ? initrd_size : 0,
		.kaslr_seed = have & 8 ? initrd * initrd_size : 0,
		.rng_seed = have & 16 ? seed : NULL,
		.rng_seed_len = strlen(seed),
	};

	dt_add_chosen(dt, &chosen);
	free(bootargs);
	free(path);
	free(seed);
}

static void add_cpus(struct dt *dt, struct fuzz_input *in)
{
	unsigned int count = (unsigned int)fuzz_take_number(in, 1) % MOST_CPU + 1;
	uint64_t mpidr[MOST_CPU];

	/* Two with one name are the caller's mistake, and libfdt's sequential writer does not look for it. */
	for (unsigned int i = 0; i < count; i++)
		mpidr[i] = (fuzz_take_number(in, 8) & ~0xffULL) | i;
	dt_add_cpus(dt, mpidr, count);
}

static void add_gic(struct dt *dt, struct fuzz_input *in, struct dt_msi *msi)
{
	struct dt_range a = range(in), b = range(in);
	uint8_t kind = (uint8_t)fuzz_take_number(in, 1);

	if (kind & 2)
		msi->v2m = range(in);
	else if (kind & 4 && kind & 1)
		msi->its = range(in);
	if (kind & 1)
		dt_add_gic_v3(dt, a, b, msi);
	else
		dt_add_gic_v2(dt, a, b, msi);
}

/* Of the nodes that a machine may have many of, or none. */
static void add_device(struct dt *dt, struct fuzz_input *in, const struct dt_msi *msi)
{
	uint8_t kind = (uint8_t)fuzz_take_number(in, 1);
	uint64_t base = fuzz_take_number(in, 8), size = fuzz_take_number(in, 4);
	uint32_t spi = (uint32_t)fuzz_take_number(in, 2);
	struct dt_pcie pcie = { .intx_spi = spi, .msi = msi };

	switch (kind % 8) {
	case 0: dt_add_pl011(dt, base, spi); break;
	case 1: dt_add_uart16550(dt, base, size, (uint32_t)fuzz_take_number(in, 4), spi); break;
	case 2: dt_add_pl031(dt, base, spi); break;
	case 3: dt_add_exit(dt, base); break;
	case 4: dt_add_memory(dt, base, size); break;
	case 5:
		dt_add_pl061(dt, base, spi);
		dt_add_power_key(dt, spi & 7);
		break;
	case 6:
		pcie.ecam = range(in);
		pcie.io = range(in);
		pcie.mem32 = range(in);
		pcie.mem64 = range(in);
		dt_add_pcie(dt, &pcie);
		break;
	default: dt_add_virtio_mmio(dt, base, size, spi); break;
	}
}

static void check(const struct dt *dt, int size, const void *blob, size_t room)
{
	if (size == -FDT_ERR_NOSPACE && room < MOST)
		return;
	/* A page of room for a node and what is left of an input is more than one needs. */
	if (size == -FDT_ERR_NOSPACE && dt->error == size)
		return;
	if (size < 0)
		fuzz_failed("device tree", "%s", fdt_strerror(size));
	if ((size_t)size > room || (size_t)size != fdt_totalsize(blob))
		fuzz_failed("device tree", "%d bytes in a buffer of %zu", size, room);
	size = fdt_check_full(blob, (size_t)size);
	if (size)
		fuzz_failed("device tree", "libfdt does not take it: %s", fdt_strerror(size));
}

static void run(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	size_t room = fuzz_take_number(&in, 2);
	unsigned int devices = 0;
	uint8_t gicv2_cpus;
	void *blob;
	struct dt_msi msi = { 0 };
	struct dt_range ram;
	struct dt dt;

	/* Most inputs have all the room there is. */
	room = room & 0x8000 ? room & 0x7fff : MOST;
	blob = malloc(room ? room : 1);
	if (!blob)
		fuzz_failed("host", "no memory");
	dt_init(&dt, blob, room);
	dt_begin_root(&dt);
	add_chosen(&dt, &in);
	ram = range(&in);
	dt_add_memory(&dt, ram.base, ram.size);
	add_cpus(&dt, &in);
	gicv2_cpus = (uint8_t)fuzz_take_number(&in, 1) & 15;
	dt_add_psci(&dt);
	dt_add_timer(&dt, gicv2_cpus);
	if (gicv2_cpus & 1)
		dt_add_pmu(&dt, gicv2_cpus);
	add_gic(&dt, &in, &msi);
	dt_add_apb_clock(&dt);
	while (in.left && devices++ < MOST_DEVICES)
		add_device(&dt, &in, &msi);
	dt_end(&dt);
	check(&dt, dt_finish(&dt), blob, room);
	free(blob);
}

const struct fuzz_target fuzz_device_tree = {
	.name = "device-tree",
	.what = "the device tree of any machine, as libfdt reads it back",
	.run = run,
};
