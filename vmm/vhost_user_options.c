/* SPDX-License-Identifier: Apache-2.0 */
/* See vhost_user_options.h. */
#include "vhost_user_options.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "keyval.h"
#include "options_device.h"

struct row {
	const char *name, *arg, *help; /* arg NULL: takes none */
	int (*set)(struct vhost_user_options *o, char *value, struct error *error);
};

static int set_device(struct vhost_user_options *o, char *value, struct error *error)
{
	if (!strcmp(value, "rng"))
		o->device = VHOST_USER_DEVICE_RNG;
	else if (!strcmp(value, "blk"))
		o->device = VHOST_USER_DEVICE_BLK;
	else
		return error_set(error, STATUS_USAGE, "--device %s: write rng or blk", value);
	return 0;
}

static int set_socket(struct vhost_user_options *o, char *value, struct error *error)
{
	if (!*value)
		return error_set(error, STATUS_USAGE, "--socket-path: the path is empty");
	o->path = value;
	return 0;
}

static int set_fd(struct vhost_user_options *o, char *value, struct error *error)
{
	uint64_t number;

	if (parse_number(value, &number) || number > INT_MAX)
		return error_set(error, STATUS_USAGE, "--fd %s: write the number of a descriptor", value);
	o->fd = (int)number;
	return 0;
}

/* Where the guest finds the device is the frontend's to say. */
static int check_place(const char *option, const struct place_options *place, struct error *error)
{
	if (place->bus == TRANSPORT_DEFAULT && !place->slot)
		return 0;
	return error_set(error, STATUS_USAGE,
		"%s: bus and addr are not this program's: the monitor that connects has the device on its bus", option);
}

static int set_rng(struct vhost_user_options *o, char *value, struct error *error)
{
	if (rng_options_parse(&o->values, value, error))
		return -1;
	return check_place("--rng", &o->values.rng_place, error);
}

static int set_disk(struct vhost_user_options *o, char *value, struct error *error)
{
	if (disk_options_parse(&o->values.disks[0], value, error))
		return -1;
	return check_place("--disk", &o->values.disks[0].place, error);
}

static int set_blk_file(struct vhost_user_options *o, char *value, struct error *error)
{
	if (!*value)
		return error_set(error, STATUS_USAGE, "--blk-file: the path is empty");
	o->values.disks[0].file.path = value;
	return 0;
}

static int set_read_only(struct vhost_user_options *o, char *value, struct error *error)
{
	(void)value, (void)error;
	o->values.disks[0].file.read_only = true;
	return 0;
}

static int set_capabilities(struct vhost_user_options *o, char *value, struct error *error)
{
	(void)value, (void)error;
	o->action = VHOST_USER_CAPABILITIES;
	return 0;
}

static int set_help(struct vhost_user_options *o, char *value, struct error *error)
{
	(void)value, (void)error;
	o->action = VHOST_USER_HELP;
	return 0;
}

static int set_version(struct vhost_user_options *o, char *value, struct error *error)
{
	(void)value, (void)error;
	o->action = VHOST_USER_SHOW_VERSION;
	return 0;
}

static const struct row rows[] = {
	{ "device", "rng|blk", "what to be", set_device },
	{ "socket-path", "PATH", "listen there; also socket=PATH", set_socket },
	{ "fd", "N", "use the socket that is open as N, connected or listening", set_fd },
	{ "rng", "source=FILE,...", "as minivmm has it: where rng takes random bytes", set_rng },
	{ "disk", "path=FILE,...", "as minivmm has it: what blk serves, and how", set_disk },
	{ "blk-file", "FILE", "the same as --disk path=FILE", set_blk_file },
	{ "read-only", NULL, "and its ro, behind --blk-file", set_read_only },
	{ "print-capabilities", NULL, "say in JSON what --device (default rng) is, and exit", set_capabilities },
	{ "help", NULL, "print this and exit", set_help },
	{ "version", NULL, "print the version and exit", set_version },
};

static const struct row *find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strlen(rows[i].name) == len && !strncmp(rows[i].name, name, len))
			return &rows[i];
	return NULL;
}

static int unknown(const char *arg, struct error *error)
{
	const char *names[ARRAY_SIZE(rows)], *near = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		names[i] = rows[i].name;
	if (!strncmp(arg, "--", 2))
		near = nearest_name(arg + 2, names, ARRAY_SIZE(names));
	if (near)
		return error_set(error, STATUS_USAGE, "unknown option \"%s\"; did you mean --%s?", arg, near);
	return error_set(error, STATUS_USAGE, "unknown option \"%s\"; --help lists all there are", arg);
}

/* One option at argv[*index], which moves to the last argument used. */
static int parse_one(struct vhost_user_options *o, int *index, int argc, char **argv, struct error *error)
{
	char *arg = argv[*index], *value;
	const struct row *row;
	size_t len;

	if (!strncmp(arg, "socket=", 7))
		return set_socket(o, arg + 7, error);
	if (strncmp(arg, "--", 2))
		return unknown(arg, error);
	len = strcspn(arg + 2, "=");
	value = arg[2 + len] ? arg + 2 + len + 1 : NULL;
	row = find(arg + 2, len);
	if (!row)
		return unknown(arg, error);
	if (!row->arg && value)
		return error_set(error, STATUS_USAGE, "--%s takes no argument", row->name);
	if (row->arg && !value) {
		if (*index + 1 == argc)
			return error_set(
				error, STATUS_USAGE, "--%s needs an argument: --%s %s", row->name, row->name, row->arg);
		value = argv[++*index];
	}
	return row->set(o, value, error);
}

static int check_together(const struct vhost_user_options *o, struct error *error)
{
	const char *file = o->values.disks[0].file.path;

	if (o->device == VHOST_USER_DEVICE_NONE)
		return error_set(error, STATUS_USAGE, "no device given; write --device rng or --device blk");
	if (!o->path == (o->fd < 0))
		return error_set(error, STATUS_USAGE, "write --socket-path PATH or --fd N, one of them");
	if (o->device == VHOST_USER_DEVICE_BLK && !file)
		return error_set(error, STATUS_USAGE, "--device blk: no file given; write --disk path=FILE");
	if (o->device == VHOST_USER_DEVICE_RNG && file)
		return error_set(error, STATUS_USAGE, "--device rng: --disk and --blk-file are for --device blk");
	return 0;
}

/* vhost-user, backend program conventions: beside --print-capabilities all else is ignored; here but for --device. */
static bool asks_for_capabilities(struct vhost_user_options *o, int argc, char **argv)
{
	struct error ignored = { .status = STATUS_OK };
	bool asked = false;

	for (int i = 1; i < argc; i++) {
		asked |= !strcmp(argv[i], "--print-capabilities");
		if (!strncmp(argv[i], "--device=", 9))
			(void)set_device(o, argv[i] + 9, &ignored);
		else if (!strcmp(argv[i], "--device") && i + 1 < argc)
			(void)set_device(o, argv[i + 1], &ignored);
	}
	return asked;
}

int vhost_user_options_parse(struct vhost_user_options *o, int argc, char **argv, struct error *error)
{
	*o = (struct vhost_user_options){ .fd = -1, .values.disks[0].queues = 1 };
	if (asks_for_capabilities(o, argc, argv)) {
		o->action = VHOST_USER_CAPABILITIES;
		return 0;
	}
	o->device = VHOST_USER_DEVICE_NONE;
	for (int i = 1; i < argc; i++) {
		if (parse_one(o, &i, argc, argv, error))
			return -1;
		if (o->action != VHOST_USER_RUN)
			return 0;
	}
	return check_together(o, error);
}

void vhost_user_options_help(FILE *file)
{
	fputs("Usage: minivmm-vhost-user --device rng|blk --socket-path PATH [OPTION]...\n"
	      "Serves a virtio device over vhost-user, to one frontend after another.\n\n",
		file);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char left[64];

		snprintf(left, sizeof(left), "  --%s%s%s", rows[i].name, rows[i].arg ? " " : "",
			rows[i].arg ? rows[i].arg : "");
		fprintf(file, "%-24s %s\n", left, rows[i].help);
	}
	fprintf(file,
		"\nEnds by SIGTERM or SIGINT, or with the connection that --fd gave. Exit status: %d\n"
		"then; %d command line, %d unusable file, %d host lacks something, %d socket failed.\n",
		STATUS_OK, STATUS_USAGE, STATUS_BAD_FILE, STATUS_HOST, STATUS_OUTPUT);
}
