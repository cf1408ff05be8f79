/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both command lines and the kernel's. An input is arguments with a NUL between them; nothing of it is opened, whatever it names.
 */
#include <stdio.h>

#include "cmdline.h"
#include "input.h"
#include "options.h"
#include "parse_error.h"
#include "targets.h"
#include "vhost_user_options.h"

#define MAX_ARGS 64

struct command_line {
	char *argv[MAX_ARGS + 2], *owned[MAX_ARGS + 2];
	int argc;
};

/* Each argument in a block of its own, as writable as main's. */
static void cut(struct command_line *line, const uint8_t *data, size_t size)
{
	static const uint8_t name[] = "minivmm";

	*line = (struct command_line){ .argc = 1, .owned = { fuzz_text(name, sizeof(name) - 1) } };
	while (size && line->argc <= MAX_ARGS) {
		const uint8_t *nul = memchr(data, 0, size);
		size_t len = nul ? (size_t)(nul - data) : size;

		line->owned[line->argc++] = fuzz_text(data, len);
		data += nul ? len + 1 : len;
		size -= nul ? len + 1 : len;
	}
	memcpy(line->argv, line->owned, sizeof(line->argv));
}

static void drop(struct command_line *line)
{
	for (int i = 0; i < line->argc; i++)
		free(line->owned[i]);
}

/* Every device of the PCI bus has a slot, and no two the same. */
static void check_places(const struct options *o)
{
	uint32_t taken = 0;
	const struct place_options *place[OPTIONS_MAX_DISKS + OPTIONS_MAX_SERIALS + 1];
	unsigned int count = 0;

	for (unsigned int i = 0; i < o->disk_count; i++)
		place[count++] = &o->disks[i].place;
	for (unsigned int i = 0; i < o->serial_count; i++)
		place[count++] = &o->serials[i].place;
	if (o->rng)
		place[count++] = &o->rng_place;
	for (unsigned int i = 0; i < count; i++) {
		if (place[i]->bus != TRANSPORT_PCI)
			continue;
		if (!place[i]->slot || place[i]->slot > 31 || taken & 1U << place[i]->slot)
			fuzz_failed("options", "two devices are in slot %u, or it is none", place[i]->slot);
		taken |= 1U << place[i]->slot;
	}
	if (taken && !o->pci)
		fuzz_failed("options", "there is a PCI device and no bus");
}

/* What options.h promises of a command line that was accepted. */
static void check_options(const struct options *o)
{
	if (o->action != ACTION_RUN)
		return;
	if (o->memory < OPTIONS_MIN_MEMORY || o->memory > OPTIONS_MAX_MEMORY || o->memory % OPTIONS_MEMORY_STEP)
		fuzz_failed("options", "memory is %llu bytes", (unsigned long long)o->memory);
	if (!o->cpus || o->cpus > OPTIONS_MAX_CPUS)
		fuzz_failed("options", "%u CPUs", o->cpus);
	if (!o->kernel && !o->dump_dtb && !o->qtest)
		fuzz_failed("options", "no kernel, and it is to run");
	if (o->console.kind == CONSOLE_DEFAULT || o->transport == TRANSPORT_DEFAULT)
		fuzz_failed("options", "a default was left in");
	for (unsigned int i = 0; i < o->disk_count; i++) {
		const struct disk_options *d = &o->disks[i];

		if (!d->file.path || !d->queues || d->queues > OPTIONS_MAX_QUEUES || d->features.on & d->features.off ||
			(d->id && strlen(d->id) > OPTIONS_MAX_DISK_ID))
			fuzz_failed("options", "disk %u is not as a disk may be", i);
	}
	check_places(o);
}

static void run_options(const uint8_t *data, size_t size)
{
	static struct options o;
	struct error error = { .status = STATUS_OK };
	struct command_line line;
	int ret;

	cut(&line, data, size);
	ret = options_parse(&o, line.argc, line.argv, &error);
	fuzz_check_error("options_parse", ret, &error);
	if (!ret)
		check_options(&o);
	drop(&line);
}

static void run_vhost_user_options(const uint8_t *data, size_t size)
{
	static struct vhost_user_options o;
	struct error error = { .status = STATUS_OK };
	struct command_line line;
	int ret;

	cut(&line, data, size);
	ret = vhost_user_options_parse(&o, line.argc, line.argv, &error);
	fuzz_check_error("vhost_user_options_parse", ret, &error);
	if (!ret && o.action == VHOST_USER_RUN &&
		(o.device == VHOST_USER_DEVICE_NONE || (o.path ? o.fd >= 0 : o.fd < 0)))
		fuzz_failed("options", "device %d, path %s, fd %d", o.device, o.path ? o.path : "none", o.fd);
	drop(&line);
}

/* user, then extra where there is a NUL. */
static void run_cmdline(const uint8_t *data, size_t size)
{
	struct error error = { .status = STATUS_OK };
	struct command_line line;
	char *out = malloc(CMDLINE_SIZE);
	int ret;

	if (!out)
		fuzz_failed("host", "no memory");
	cut(&line, data, size);
	ret = cmdline_build(
		out, line.argc > 1 ? line.argv[1] : "", line.argc > 2 ? line.argv[2] : NULL, "console=ttyAMA0", &error);
	fuzz_check_error("cmdline_build", ret, &error);
	if (!ret && strnlen(out, CMDLINE_SIZE) == CMDLINE_SIZE)
		fuzz_failed("cmdline", "it has no end");
	else if (!ret && !strstr(out, "panic"))
		fuzz_failed("cmdline", "panic= was neither given nor added: %s", out);
	free(out);
	drop(&line);
}

const struct fuzz_target fuzz_options = {
	.name = "options",
	.what = "minivmm's command line, NUL between arguments",
	.run = run_options,
};
const struct fuzz_target fuzz_vhost_user_options = {
	.name = "vhost-user-options",
	.what = "minivmm-vhost-user's command line",
	.run = run_vhost_user_options,
};
const struct fuzz_target fuzz_cmdline = {
	.name = "cmdline",
	.what = "the kernel's command line and what is added to it",
	.run = run_cmdline,
};
