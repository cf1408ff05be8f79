/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option table, what its rows set, and the walk over argv. Not getopt_long: its messages cannot suggest the option
 * that was meant, and it accepts abbreviations that the next option added would make ambiguous.
 */
#include "options.h"

#include <errno.h>
#include <string.h>

#include "keyval.h"
#include "options_console.h"
#include "options_device.h"
#include "options_hostile.h"
#include "options_kvm.h"
#include "options_place.h"
#include "options_vhost_user.h"

struct row {
	const char *name; /* NULL: a heading */
	const char *arg; /* NULL: takes none */
	const char *help; /* lines after the first are indented by options_help */
	int (*set)(struct options *options, const struct row *row, char *value, struct error *error);
	size_t offset; /* of the field, for the setters that serve several rows */
};

static int set_text(struct options *options, const struct row *row, char *value, struct error *error)
{
	(void)error;
	memcpy((char *)options + row->offset, &value, sizeof(value)); /* a const char * there */
	return 0;
}

static int set_path(struct options *options, const struct row *row, char *value, struct error *error)
{
	if (!*value)
		return error_set(error, STATUS_USAGE, "--%s: the argument is empty; write --%s %s", row->name,
			row->name, row->arg);
	return set_text(options, row, value, error);
}

static int set_true(struct options *options, const struct row *row, char *value, struct error *error)
{
	(void)value, (void)error;
	*(bool *)((char *)options + row->offset) = true;
	return 0;
}

static int set_false(struct options *options, const struct row *row, char *value, struct error *error)
{
	(void)value, (void)error;
	*(bool *)((char *)options + row->offset) = false;
	return 0;
}

static int set_memory(struct options *options, const struct row *row, char *value, struct error *error)
{
	char least[SIZE_TEXT_LEN], most[SIZE_TEXT_LEN], step[SIZE_TEXT_LEN];
	uint64_t bytes;
	int ret = parse_size(value, &bytes);

	(void)row;
	size_text(OPTIONS_MIN_MEMORY, least);
	size_text(OPTIONS_MAX_MEMORY, most);
	if (ret == -EINVAL)
		return error_set(error, STATUS_USAGE,
			"--memory %s: not a size; write a number with K, M or G, like 512M (a plain number is bytes)",
			value);
	if (ret == -ERANGE || bytes > OPTIONS_MAX_MEMORY)
		return error_set(
			error, STATUS_USAGE, "--memory %s: too large, the memory map has room for %s", value, most);
	if (bytes < OPTIONS_MIN_MEMORY && bytes && strspn(value, "0123456789") == strlen(value))
		return error_set(error, STATUS_USAGE,
			"--memory %s: too small, a plain number is bytes and the least is %s; did you mean %sM?", value,
			least, value);
	if (bytes < OPTIONS_MIN_MEMORY)
		return error_set(error, STATUS_USAGE, "--memory %s: too small, the least is %s", value, least);
	if (bytes % OPTIONS_MEMORY_STEP)
		return error_set(error, STATUS_USAGE,
			"--memory %s: not a multiple of %s, the largest page of arm64 hosts", value,
			size_text(OPTIONS_MEMORY_STEP, step));
	options->memory = bytes;
	return 0;
}

static int set_cpus(struct options *options, const struct row *row, char *value, struct error *error)
{
	uint64_t number;

	(void)row;
	if (parse_number(value, &number) || number < 1 || number > OPTIONS_MAX_CPUS)
		return error_set(
			error, STATUS_USAGE, "--cpus %s: write a number from 1 to %d", value, OPTIONS_MAX_CPUS);
	options->cpus = (unsigned int)number;
	return 0;
}

static int set_console(struct options *options, const struct row *row, char *value, struct error *error)
{
	(void)row;
	return console_options_parse(value, &options->console, error);
}

static int set_console_type(struct options *options, const struct row *row, char *value, struct error *error)
{
	(void)row;
	return console_type_parse(value, &options->console_type, error);
}

/* Places are handed out in the order of the command line, whatever kind of device each is for. */
static void note_order(struct options *options, struct place_options *place)
{
	place->order = ++options->placed;
}

static int set_rng(struct options *options, const struct row *row, char *value, struct error *error)
{
	(void)row;
	if (rng_options_parse(options, value, error))
		return -1;
	note_order(options, &options->rng_place);
	return 0;
}

static int set_no_rng(struct options *options, const struct row *row, char *value, struct error *error)
{
	(void)row, (void)value, (void)error;
	options->rng = false;
	options->rng_source = NULL;
	return 0;
}

static int set_transport(struct options *options, const struct row *row, char *value, struct error *error)
{
	(void)row;
	return transport_parse("--transport ", value, &options->transport, error);
}

static int set_mmio_ack(struct options *options, const struct row *row, char *value, struct error *error)
{
	(void)row;
	options->lazy_ack = !strcmp(value, "lazy");
	if (options->lazy_ack || !strcmp(value, "exact"))
		return 0;
	return error_set(error, STATUS_USAGE, "--mmio-ack %s: write exact or lazy", value);
}

static int set_hostile(struct options *options, const struct row *row, char *value, struct error *error)
{
	(void)row;
	return hostile_options_parse(value, &options->hostile, error);
}

static int set_disk(struct options *options, const struct row *row, char *value, struct error *error)
{
	(void)row;
	if (options->disk_count == OPTIONS_MAX_DISKS)
		return error_set(error, STATUS_USAGE, "--disk: there is room for %d disks", OPTIONS_MAX_DISKS);
	if (disk_options_parse(&options->disks[options->disk_count], value, error))
		return -1;
	note_order(options, &options->disks[options->disk_count].place);
	options->disk_count++;
	return 0;
}

static int set_vhost_user(struct options *options, const struct row *row, char *value, struct error *error)
{
	struct vhost_user_device_options *device = &options->vhost_users[options->vhost_user_count];

	(void)row;
	if (options->vhost_user_count == OPTIONS_MAX_VHOST_USERS)
		return error_set(
			error, STATUS_USAGE, "--vhost-user: there is room for %d devices", OPTIONS_MAX_VHOST_USERS);
	if (vhost_user_device_parse(device, value, error))
		return -1;
	note_order(options, &device->place);
	options->vhost_user_count++;
	return 0;
}

static int set_serial(struct options *options, const struct row *row, char *value, struct error *error)
{
	(void)row;
	if (options->serial_count == OPTIONS_MAX_SERIALS)
		return error_set(error, STATUS_USAGE, "--serial: there is room for %d ports", OPTIONS_MAX_SERIALS);
	if (serial_options_parse(&options->serials[options->serial_count], value, error))
		return -1;
	note_order(options, &options->serials[options->serial_count].place);
	options->serial_count++;
	return 0;
}

static int set_cpu_features(struct options *options, const struct row *row, char *value, struct error *error)
{
	static const struct keyval_key keys[] = {
		{ "pmu", KEYVAL_SWITCH, offsetof(struct options, pmu) },
		{ "sve", KEYVAL_SWITCH, offsetof(struct options, sve) },
		{ "pauth", KEYVAL_SWITCH, offsetof(struct options, pauth) },
		{ "steal-time", KEYVAL_SWITCH, offsetof(struct options, pvtime) },
	};

	(void)row;
	return keyval_parse("--cpu-features", value, keys, ARRAY_SIZE(keys), options, error);
}

static int set_kvm(struct options *options, const struct row *row, char *value, struct error *error)
{
	(void)row;
	return kvm_options_parse(options, value, error);
}

static int set_action(struct options *options, const struct row *row, char *value, struct error *error)
{
	(void)value, (void)error;
	options->action = !strcmp(row->name, "help")	  ? ACTION_HELP
			  : !strcmp(row->name, "version") ? ACTION_VERSION
							  : ACTION_CHECK;
	return 0;
}

static int set_qtest(struct options *options, const struct row *row, char *value, struct error *error)
{
	bool known = !strcmp(value, "stdio") || (!strncmp(value, "unix:", 5) && value[5]) ||
		     (!strncmp(value, "fd:", 3) && value[3]);

	(void)row;
	options->qtest = value;
	return known ? 0 : error_set(error, STATUS_USAGE, "--qtest %s: write unix:PATH, stdio or fd:N", value);
}

#define FIELD(name) offsetof(struct options, name)

static const struct row rows[] = {
	{ .help = "Boot" },
	{ "kernel", "FILE", "arm64 Image (or gzip, zboot), ELF vmlinux, flat program", set_path, FIELD(kernel) },
	{ "initrd", "FILE", "initramfs to use in place of the built-in one", set_path, FIELD(initrd) },
	{ "cmdline", "TEXT", "kernel command line", set_text, FIELD(cmdline) },
	{ "exec", "COMMAND", "built-in initramfs: run COMMAND, exit with its status", set_path, FIELD(exec) },
	{ "busybox", "FILE", "built-in initramfs: static arm64 busybox for its shell", set_path, FIELD(busybox) },
	{ "modules", "DIR", "built-in initramfs: lib/modules/VERSION of the kernel", set_path, FIELD(modules) },
	{ "no-kaslr", NULL, "no kaslr-seed in the device tree, for repeatable runs", set_false, FIELD(kaslr) },
	{ "no-rng-seed", NULL, "no rng-seed in the device tree", set_false, FIELD(rng_seed) },
	{ .help = "Machine" },
	{ "memory", "SIZE", "guest RAM in bytes, or with K, M or G (default 256M)", set_memory },
	{ "cpus", "N", "1 to 123 CPUs, at most 8 on a GICv2 host (default 1)", set_cpus },
	{ "cpu-features", "LIST", "hide them: pmu=off,sve=off,pauth=off,steal-time=off", set_cpu_features },
	{ "kvm", "LIST", "ioeventfd|irqfd|mmio-mirror=off, msi=v2m, ipa-bits=N", set_kvm },
	{ .help = "Devices" },
	{ "console", "WHERE", "stdio (default: Ctrl-A H), pty, file=PATH, unix=PATH", set_console },
	{ "console-type", "KIND", "pl011 (default), or 8250: a 16550A in the PL011's place", set_console_type },
	{ "serial", "pci,...", "PCI serial port: addr=N; pty, stdio, file=PATH, unix=PATH", set_serial },
	{ "disk", "path=FILE,...",
		"a virtio-blk disk: file or block device; may repeat.\nro, direct=on, cache=writethrough, "
		"queues=N, id=SERIAL,\nlogical=512|4096, physical=N, "
		"aio=io_uring|threads|sync,\nfeatures=+ring_packed,-event_idx, queue-size=N",
		set_disk },
	{ "vhost-user", "T,...",
		"another program's device: rng, blk, fs, vsock, net, id=N;\nsocket=PATH, queues=N, queue-size=N, "
		"reconnect=SECONDS",
		set_vhost_user },
	{ "transport", "mmio|pci", "bus of virtio devices (default mmio); one: bus=, addr=N", set_transport },
	{ "mmio-ack", "HOW", "exact, or lazy: InterruptACK without an exit", set_mmio_ack },
	{ "rng", "source=FILE", "where virtio-rng takes random bytes (default getrandom)", set_rng },
	{ "no-rng", NULL, "no virtio-rng device", set_no_rng },
	{ .help = "Looking inside" },
	{ "hostile", "SEED,...", "devices that lie, to test drivers: rate=N, log, only=A+B", set_hostile },
	{ "check", NULL, "print what this host offers and what to fix, and exit", set_action },
	{ "dump-dtb", "FILE", "write the device tree to FILE and exit", set_path, FIELD(dump_dtb) },
	{ "qtest", "WHERE", "no CPUs: QEMU's qtest at unix:PATH, stdio or fd:N", set_qtest },
	{ "stats", NULL, "count exits and register accesses, print them at the end", set_true, FIELD(stats) },
	{ "boot-report", NULL, "print at the end how long each phase and register took", set_true, FIELD(boot_report) },
	{ "trace", "FILE", "write a trace of exits and requests, for Perfetto", set_path, FIELD(trace) },
	{ "record", "FILE", "write all that reaches the devices, to be replayed", set_path, FIELD(record) },
	{ "trace-exits", NULL, "print each exit to user space as it happens", set_true, FIELD(trace_exits) },
	{ "help", NULL, "print this and exit", set_action },
	{ "version", NULL, "print the version and exit", set_action },
};

static const struct row *find_row(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].name && strlen(rows[i].name) == len && !strncmp(rows[i].name, name, len))
			return &rows[i];
	return NULL;
}

/* arg starts with "-" and is in no row; the name is what is between the dashes and an "=". */
static int unknown_option(const char *arg, struct error *error)
{
	const char *names[ARRAY_SIZE(rows)], *name = arg + strspn(arg, "-"), *near = NULL;
	size_t count = 0, len = strcspn(name, "=");
	char typed[32];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].name)
			names[count++] = rows[i].name;
	if (len < sizeof(typed)) {
		memcpy(typed, name, len);
		typed[len] = '\0';
		near = nearest_name(typed, names, count);
	}
	/* All of arg that is the option, dashes too, but not what was to be its value. */
	len += (size_t)(name - arg);
	if (len > 64)
		len = 64;
	if (near)
		return error_set(error, STATUS_USAGE, "unknown option %.*s, did you mean --%s?", (int)len, arg, near);
	return error_set(error, STATUS_USAGE, "unknown option %.*s; minivmm --help lists them all", (int)len, arg);
}

/* The row for "--name" or "--name=value", or NULL. */
static const struct row *find_option(const char *arg)
{
	return strncmp(arg, "--", 2) ? NULL : find_row(arg + 2, strcspn(arg + 2, "="));
}

/* The row that arg asks for, or NULL with *error. */
static const struct row *row_of(const char *arg, struct error *error)
{
	const struct row *row = find_option(strcmp(arg, "-h") ? arg : "--help");

	if (row)
		return row;
	if (arg[0] != '-' || !arg[1])
		error_set(error, STATUS_USAGE, "unexpected argument \"%s\"; did you mean --kernel %s?", arg, arg);
	else
		unknown_option(arg, error);
	return NULL;
}

/* One option at argv[*index], which moves to the last argument used. */
static int parse_one(struct options *options, int *index, int argc, char **argv, struct error *error)
{
	const struct row *row = row_of(argv[*index], error);
	char *equals = strchr(argv[*index], '='), *value = equals ? equals + 1 : NULL;

	if (!row)
		return -1;
	if (!row->arg && value)
		return error_set(error, STATUS_USAGE, "--%s takes no argument", row->name);
	if (row->arg && !value) {
		/* An option in its place: it was forgotten. --cmdline=--stats is there for who means that. */
		if (*index + 1 == argc || find_option(argv[*index + 1]))
			return error_set(
				error, STATUS_USAGE, "--%s needs an argument: --%s %s", row->name, row->name, row->arg);
		value = argv[++*index];
	}
	return row->set(options, row, value, error);
}

/* What would let something reach a device, or leave it, that a recording does not see in its place (record.h). */
static int check_record(const struct options *options, struct error *error)
{
	if (!options->record)
		return 0;
	if (options->qtest)
		return error_set(
			error, STATUS_USAGE, "--record: with --qtest there is no guest to record; leave one out");
	if (options->hostile.on)
		return error_set(
			error, STATUS_USAGE, "--record: the devices of a replay do not lie; leave --hostile out");
	if (options->trace)
		return error_set(error, STATUS_USAGE, "--record and --trace both watch the queues; leave one out");
	if (options->console_type != CONSOLE_PL011 || options->serial_count)
		return error_set(error, STATUS_USAGE,
			"--record: an 8250 is not recorded; leave out --serial and --console-type 8250");
	if (options->vhost_user_count)
		return error_set(
			error, STATUS_USAGE, "--record: what another program does is not seen; leave out --vhost-user");
	for (unsigned int i = 0; i < options->disk_count; i++)
		if (options->disks[i].file.aio != BLOCK_AIO_AUTO && options->disks[i].file.aio != BLOCK_AIO_SYNC)
			return error_set(error, STATUS_USAGE,
				"--record: the guest runs in step with its disks; leave aio= out, or write aio=sync");
	return 0;
}

/* What one option cannot see alone. */
static int check_together(const struct options *options, struct error *error)
{
	if (options->action != ACTION_RUN)
		return 0;
	if (!options->kernel && !options->dump_dtb && !options->qtest)
		return error_set(error, STATUS_USAGE,
			"no kernel given; write --kernel FILE (minivmm --help lists all "
			"options)");
	if (options->exec && options->initrd)
		return error_set(error, STATUS_USAGE,
			"--exec is run by the built-in initramfs and so cannot be had with --initrd; leave one out");
	return console_options_check(options, error) || check_record(options, error) ? -1 : 0;
}

/* What depends on other options. */
static void settle_defaults(struct options *options)
{
	if (options->qtest) {
		/* The same script has the same answers, from the memory that holds the device tree too. */
		options->kaslr = options->rng_seed = false;
	}
	if (options->console.kind == CONSOLE_DEFAULT && options->qtest)
		options->console = (struct console_options){ CONSOLE_FILE, "/dev/null" };
	else if (options->console.kind == CONSOLE_DEFAULT)
		options->console.kind = CONSOLE_STDIO;
}

/* Everything in its place among all else: record.h says why. */
static void settle_record(struct options *options)
{
	options->ioeventfd = options->mirror = false;
	for (unsigned int i = 0; i < options->disk_count; i++)
		options->disks[i].file.aio = BLOCK_AIO_SYNC;
}

int options_parse(struct options *options, int argc, char **argv, struct error *error)
{
	*options = (struct options){
		.action = ACTION_RUN,
		.cmdline = "",
		.memory = 256 * MiB,
		.cpus = 1,
		.rng = true,
		.transport = TRANSPORT_MMIO,
		.kaslr = true,
		.rng_seed = true,
		.ioeventfd = true,
		.irqfd = true,
		.mirror = true,
		.pmu = true,
		.sve = true,
		.pauth = true,
		.pvtime = true,
	};
	for (int i = 1; i < argc; i++) {
		if (parse_one(options, &i, argc, argv, error))
			return -1;
		if (options->action == ACTION_HELP || options->action == ACTION_VERSION)
			return 0;
	}
	settle_defaults(options);
	if (check_together(options, error) || place_options_settle(options, error))
		return -1;
	if (options->record)
		settle_record(options);
	return 0;
}

#define HELP_COLUMN 22

static void help_row(FILE *file, const struct row *row)
{
	char left[64];
	const char *line = row->help;

	snprintf(left, sizeof(left), "  --%s%s%s", row->name, row->arg ? " " : "", row->arg ? row->arg : "");
	for (;;) {
		size_t len = strcspn(line, "\n");

		fprintf(file, "%-*s %.*s\n", HELP_COLUMN, left, (int)len, line);
		if (!line[len])
			break;
		line += len + 1;
		left[0] = '\0';
	}
}

void options_help(FILE *file)
{
	fputs("Usage: minivmm --kernel FILE [OPTION]...\n"
	      "Runs a Linux guest or a bare-metal program with KVM on an aarch64 Linux host.\n",
		file);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].name)
			help_row(file, &rows[i]);
		else
			fprintf(file, "\n%s:\n", rows[i].help);
	}
	fprintf(file,
		"\nLater options overrule earlier ones. Exit status: %d power off, or --exec's own;\n"
		"%d command line, %d unusable file, %d host lacks something, %d bug, %d output\n"
		"failed, %d ended from outside, %d guest crashed, %d no status from --exec.\n",
		STATUS_OK, STATUS_USAGE, STATUS_BAD_FILE, STATUS_HOST, STATUS_INTERNAL, STATUS_OUTPUT, STATUS_KILLED,
		STATUS_CRASHED, STATUS_NO_ANSWER);
}

void options_version(FILE *file)
{
	fprintf(file, "minivmm %s\n", MINIVMM_VERSION);
}
