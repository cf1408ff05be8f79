/* SPDX-License-Identifier: Apache-2.0 */
/* See recording.h. */
#include "recording.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "late.h"
#include "layout.h"
#include "recording_internal.h"

#define MAX_TURNS 1000 /* as in vmm/record.c */

void recording_must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "minivmm-fuzz: the recorded machine cannot be built here: %s\n", what);
	exit(69);
}

__attribute__((format(printf, 2, 3))) static void differ(struct recording *r, const char *format, ...)
{
	va_list args;

	if (r->why)
		return;
	va_start(args, format);
	recording_must(vasprintf(&r->why, format, args) >= 0, "no memory");
	va_end(args);
}

static uint64_t clock_now(struct clock *clock)
{
	return container_of(clock, struct recording, clock)->now;
}

static gpa_t gpa_of(const struct recording *r, const void *host)
{
	return r->mem.region[0].base + (uint64_t)((uintptr_t)host - (uintptr_t)r->mem.region[0].host);
}

static void load(struct mem_hook *hook, void *dst, void *src, size_t len)
{
	struct recording *r = container_of(hook, struct recording, hook);
	struct fuzz_load load = { .gpa = gpa_of(r, src), .len = (uint32_t)len };

	load.nth = fuzz_late_count(load.gpa, load.len);
	if (fuzz_late_find(&load, src))
		r->known--;
	else
		differ(r, "a device loads %zu bytes at 0x%" PRIx64 " for the %" PRIu32 ". time, which was not recorded",
			len, load.gpa, load.nth + 1);
	memcpy(dst, src, len);
}

static void watched(struct virtq_watch *watch, const struct virtq *q, enum virtq_step step, uint16_t head, uint32_t len)
{
	struct recording *r = container_of(watch, struct recording, watch);

	if (step == VIRTQ_USED)
		recording_add_came(r, &(struct fuzz_line){ .kind = FUZZ_LINE_USED, .used = { q->index, head, len } });
}

static void end_virtio(struct recording_virtio *d)
{
	if (d->on_pci)
		virtio_pci_destroy(&d->pci);
	else
		virtio_mmio_destroy(&d->mmio);
	if (d->disk) {
		virtio_blk_destroy(&d->blk);
		block_destroy(d->disk);
	} else {
		virtio_rng_destroy(&d->rng);
	}
	free(d);
}

static void end_life(struct recording *r)
{
	while (r->virtio_count)
		end_virtio(r->virtio[--r->virtio_count]);
	if (r->pci_up)
		pci_host_destroy(&r->pci);
	if (r->v2m_up)
		gicv2m_destroy(&r->v2m);
	if (r->exit_up)
		exit_reg_destroy(&r->exit);
	if (r->pl061_up)
		pl061_destroy(&r->pl061);
	if (r->pl031_up)
		pl031_destroy(&r->pl031);
	if (r->pl011_up)
		pl011_destroy(&r->pl011);
	recording_host_end(r);
	if (r->loop.epoll_fd > 0)
		loop_destroy(&r->loop);
	if (r->mem.count)
		munmap(r->mem.region[0].host, r->mem.region[0].size);
	free(r->came);
	free(r->why);
	memset(r, 0, sizeof(*r));
	fuzz_late_reset();
}

static const char *begin_life(struct recording *r, const char *text)
{
	(void)text;
	end_life(r);
	r->clock = (struct clock){ .monotonic_ns = clock_now, .realtime_ns = clock_now };
	r->hook.load = load;
	r->mem.hook = &r->hook;
	r->watch.step = watched;
	bus_init(&r->bus);
	recording_must(!loop_init(&r->loop, NULL, &r->clock), "no event loop");
	recording_host_start(r);
	return NULL;
}

static const char *give_memory(struct recording *r, const char *text)
{
	struct mem_region region = { .fd = -1 };

	if (sscanf(text, "%" SCNx64 " %" SCNu64, &region.base, &region.size) != 2 || r->mem.count)
		return "its memory is not one piece with base and size";
	region.host =
		mmap(NULL, region.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	recording_must(region.host != MAP_FAILED, "no memory");
	return mem_add(&r->mem, &region) ? "its memory is nowhere" : NULL;
}

static const char *set_clock(struct recording *r, const char *text)
{
	return sscanf(text, "%" SCNu64, &r->now) == 1 ? NULL : "its clock is no number";
}

/* The value of key=, as a number; 0 where it is not there. */
static uint64_t value_of(const char *text, const char *key)
{
	char pattern[32];
	const char *at;

	snprintf(pattern, sizeof(pattern), " %s=", key);
	at = strstr(text, pattern);
	return at ? strtoull(at + strlen(pattern), NULL, 0) : 0;
}

static const char *place(
	struct recording *r, struct recording_virtio *d, const char *text, bool on_pci, unsigned int slot)
{
	gpa_t base = LAYOUT_VIRTIO + slot * LAYOUT_VIRTIO_SIZE;
	int err;

	d->v->features_on = value_of(text, "on");
	d->v->features_off = value_of(text, "off");
	d->on_pci = on_pci;
	for (uint16_t i = 0; i < d->v->class->queue_count; i++)
		d->v->queue[i].watch = &r->watch;
	err = on_pci ? virtio_pci_init(&d->pci, d->v, &r->pci, slot)
		     : virtio_mmio_init(&d->mmio, d->v, &r->bus, base, recording_line(r, LAYOUT_SPI_VIRTIO + slot));
	if (!err && !on_pci && value_of(text, "lazy"))
		virtio_mmio_lazy_ack(&d->mmio);
	return err ? "there is no such place for a device" : NULL;
}

static void make_disk(struct recording *r, struct recording_virtio *d, const char *text)
{
	const char *id = strstr(text, " id=");
	const struct block shape = {
		.size = value_of(text, "size"),
		.read_only = value_of(text, "ro"),
		.logical = (uint32_t)value_of(text, "logical"),
		.physical = (uint32_t)value_of(text, "physical"),
	};
	const struct virtio_blk_options options = {
		.queues = (uint16_t)value_of(text, "queues"),
		.queue_size = (uint16_t)value_of(text, "queue-size"),
		.write_through = value_of(text, "writethrough"),
		.serial = id && id[4] ? id + 4 : NULL,
	};

	d->disk = recording_disk(r, &shape);
	recording_must(!virtio_blk_init(&d->blk, &r->loop, &r->mem, d->disk, &options), "no memory");
	d->v = &d->blk.v;
}

static const char *make_virtio(struct recording *r, const char *text)
{
	struct recording_virtio *d = calloc(1, sizeof(*d));
	char name[8], bus[8];
	unsigned int slot;

	recording_must(d, "no memory");
	if (sscanf(text, "%7[a-z]-%7[a-z]@%u", name, bus, &slot) != 3 || slot >= LAYOUT_VIRTIO_COUNT ||
		r->virtio_count == RECORDING_DEVICES || (strcmp(name, "rng") && strcmp(name, "blk"))) {
		free(d);
		return "it has a device that is not known here";
	}
	if (!strcmp(name, "blk")) {
		make_disk(r, d, text);
	} else {
		recording_must(!virtio_rng_init(&d->rng, &r->loop, &r->mem, &r->entropy), "no memory");
		d->v = &d->rng.v;
	}
	r->virtio[r->virtio_count++] = d;
	return place(r, d, text, !strcmp(bus, "pci"), slot);
}

static const char *make_pci(struct recording *r, const char *text)
{
	struct pci_host_config config = {
		.bus = &r->bus,
		.ecam = value_of(text, "ecam"),
		.io = { LAYOUT_PCI_IO, 0, LAYOUT_PCI_IO_SIZE },
		.mem32 = { LAYOUT_PCI_MEM32, LAYOUT_PCI_MEM32, LAYOUT_PCI_IO - LAYOUT_PCI_MEM32 },
		.msi = r->v2m_up ? &gicv2m_msi_ops : &recording_msi_ops,
		.msi_opaque = r->v2m_up ? (void *)&r->v2m : r,
	};

	if (value_of(text, "mem64"))
		config.mem64 = (struct pci_window){ LAYOUT_PCI_MEM64, LAYOUT_PCI_MEM64,
			(1ULL << LAYOUT_PCI_BITS) - LAYOUT_PCI_MEM64 };
	for (unsigned int i = 0; i < ARRAY_SIZE(config.intx); i++)
		config.intx[i] = recording_line(r, LAYOUT_SPI_INTX + i);
	r->pci_up = !pci_host_init(&r->pci, &config);
	return r->pci_up ? NULL : "its PCI bus has no place";
}

static struct irq *v2m_line(void *opaque, uint32_t spi)
{
	return recording_line(opaque, spi);
}

static const char *make_v2m(struct recording *r)
{
	const struct gicv2m_config config = {
		.bus = &r->bus,
		.base = LAYOUT_GICV2M,
		.first_spi = LAYOUT_SPI_GICV2M,
		.line = v2m_line,
		.opaque = r,
	};

	r->v2m_up = !gicv2m_init(&r->v2m, &config);
	return NULL;
}

static const char *make_device(struct recording *r, const char *text)
{
	if (!r->mem.count)
		return "it has no memory";
	if (!strcmp(text, "pl011"))
		r->pl011_up =
			!pl011_init(&r->pl011, &r->console, &r->bus, LAYOUT_PL011, recording_line(r, LAYOUT_SPI_PL011));
	else if (!strcmp(text, "pl031"))
		r->pl031_up =
			!pl031_init(&r->pl031, &r->loop, &r->bus, LAYOUT_PL031, recording_line(r, LAYOUT_SPI_PL031));
	else if (!strcmp(text, "pl061"))
		r->pl061_up =
			!pl061_init(&r->pl061, &r->loop, &r->bus, LAYOUT_PL061, recording_line(r, LAYOUT_SPI_PL061));
	else if (!strcmp(text, "exit"))
		r->exit_up = !exit_reg_init(&r->exit, &r->bus, LAYOUT_EXIT);
	else if (!strcmp(text, "gicv2m"))
		return make_v2m(r);
	else if (!strncmp(text, "pci ", 4))
		return make_pci(r, text);
	else
		return make_virtio(r, text);
	return NULL;
}

/* What devices do to their lines while they are made is nothing that happened to a guest. */
static const char *add_device(struct recording *r, const char *text)
{
	const char *why = make_device(r, text);

	r->came_count = r->came_taken = 0;
	return why;
}

static void settle(struct recording *r)
{
	for (int turn = 0; turn < MAX_TURNS && loop_serve(&r->loop) > 0; turn++)
		;
}

static const char *press_power(struct recording *r, const char *text)
{
	(void)text;
	pl061_press(&r->pl061, PL061_POWER_KEY);
	settle(r);
	return NULL;
}

static const char *sense_line(struct recording *r, const char *text)
{
	struct irq *irq = &r->line[strtoul(text, NULL, 10) % RECORDING_LINES];

	if (!irq->sensed)
		return "no device asked how its line is taken";
	irq->sensed(irq, irq->sensed_opaque);
	return NULL;
}

const char *recording_comment(struct recording *r, const char *text)
{
	static const struct {
		const char *word;
		const char *(*take)(struct recording *r, const char *rest);
	} words[] = {
		{ RECORDING_LIFE, begin_life },
		{ "memory ", give_memory },
		{ "clock ", set_clock },
		{ "device ", add_device },
		{ "power key", press_power },
		{ "sensed ", sense_line },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strncmp(text, words[i].word, strlen(words[i].word)))
			return words[i].take(r, text + strlen(words[i].word));
	return NULL;
}

static void store(struct recording *r, const struct fuzz_op *op)
{
	if (!mem_write(&r->mem, op->addr, op->data, op->len))
		differ(r, "0x%" PRIx64 " is not in guest memory", op->addr);
}

const char *recording_do(struct recording *r, struct fuzz_op *op)
{
	switch (op->kind) {
	case FUZZ_READ: (void)bus_read(&r->bus, op->addr, op->size, &op->value); break;
	case FUZZ_WRITE: (void)bus_write(&r->bus, op->addr, op->size, op->value); break;
	case FUZZ_WRITE_BYTES: store(r, op); return r->why;
	case FUZZ_CLOCK: r->now += op->value; break;
	case FUZZ_LATE:
		fuzz_late_add(op);
		r->known++;
		return r->why;
	case FUZZ_HOST: recording_host_step(r, op); break;
	}
	settle(r);
	/* All that was loaded stands before the access that made the device look. */
	if (r->known && (op->kind == FUZZ_READ || op->kind == FUZZ_WRITE))
		differ(r, "%" PRId64 " loads were recorded that no device makes", r->known);
	return r->why;
}

struct recording *recording_new(void)
{
	struct recording *r = calloc(1, sizeof(*r));

	recording_must(r, "no memory");
	return r;
}

void recording_free(struct recording *r)
{
	end_life(r);
	free(r);
}
