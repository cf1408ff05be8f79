/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minivmm: parses the command line, opens what outlives a guest's reboot, runs machines until one does not want another life,
 * and turns how it ended into an exit status. What a machine is, is machine.c's.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "accel.h"
#include "accel_qtest.h"
#include "check.h"
#include "cmdline.h"
#include "console.h"
#include "default_initrd.h"
#include "hostile_log.h"
#include "machine.h"
#include "rseq.h"
#include "term.h"
#include "trace.h"
#include "vhost_users.h"
#include "write_file.h"

struct session {
	const struct options *options;
	char cmdline[CMDLINE_SIZE];
	struct kernel kernel;
	struct initrd initrd;
	struct default_initrd default_initrd;
	pthread_mutex_t lock;
	struct loop loop;
	struct qtest_clock qtest_clock; /* the loop's, with --qtest */
	struct consoles consoles;
	struct entropy entropy;
	bool entropy_open;
	struct block *disks[OPTIONS_MAX_DISKS];
	unsigned int disk_count; /* open */
	struct vhost_users vhost_users;
	struct loop_source signals; /* a signalfd */
	bool asked_to_end; /* the power key has been pressed for the user once */
	bool killed; /* ended from outside */
	struct machine *machine; /* NULL between two lives */
	struct hostile hostile_state, *hostile; /* NULL without --hostile */
	struct stats *stats; /* NULL without --stats */
	struct trace *trace; /* NULL without --trace and --boot-report */
	FILE *trace_file; /* NULL without --trace */
	struct record *record; /* NULL without --record; the three below are what it stands in front of */
	struct entropy *recorded_entropy;
	struct chardev *recorded_console;
	struct block *recorded_disks[OPTIONS_MAX_DISKS];
};

/* One line, whatever the terminal's mode. */
static int complain(const struct error *error)
{
	fprintf(stderr, "minivmm: %s%s", error->text, term_newline());
	return (int)error->status;
}

/* Noted for the session too: a guest that reboots at this very moment must not get another life. */
static void kill_guest(struct session *session)
{
	session->killed = true;
	if (session->machine)
		machine_kill(session->machine);
}

static void quit(void *opaque)
{
	kill_guest(opaque);
}

/* A guest that listens to its power key shuts down by itself; the user who asks again means it. */
static void signals_ready(struct loop_source *source, uint32_t events)
{
	struct session *session = container_of(source, struct session, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) != sizeof(info) || !session->machine)
		return;
	/* No guest is there to listen to a key, and clients end QEMU by a signal too. */
	if (info.ssi_signo == SIGHUP || session->asked_to_end || session->options->qtest) {
		kill_guest(session);
		return;
	}
	session->asked_to_end = true;
	machine_press_power(session->machine);
	fprintf(stderr, "minivmm: power key pressed; a second signal ends the guest at once%s", term_newline());
}

/* SIGPIPE too, which nobody takes: it is as good as ignored, and there is no program that we start to hand it on to. */
static int watch_signals(struct session *session, struct error *error)
{
	sigset_t set, blocked;
	int ret;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	blocked = set;
	sigaddset(&blocked, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	session->signals = (struct loop_source){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.ready = signals_ready,
	};
	ret = session->signals.fd < 0 ? -errno : loop_add(&session->loop, &session->signals, EPOLLIN);
	return ret ? error_set(error, STATUS_HOST, "cannot watch for signals: %s", strerror(-ret)) : 0;
}

static int open_entropy(struct session *session, struct error *error)
{
	const char *path = session->options->rng_source, *failed;
	int ret;

	if (!session->options->rng)
		return 0;
	if (path) {
		ret = entropy_init_file(&session->entropy, path, &failed);
		if (ret)
			return error_set(
				error, STATUS_BAD_FILE, "--rng source=%s: %s: %s", path, failed, strerror(-ret));
	} else if (session->options->qtest) {
		entropy_init_seeded(&session->entropy, 0);
	} else {
		entropy_init_host(&session->entropy);
	}
	session->entropy_open = true;
	return 0;
}

/* Once, for all lives of the machine: what is locked stays locked over a reboot. */
static int open_disks(struct session *session, struct error *error)
{
	const struct options *options = session->options;

	for (; session->disk_count < options->disk_count; session->disk_count++) {
		const struct block_file_config *config = &options->disks[session->disk_count].file;
		struct block_file *file;
		char why[BLOCK_WHY_LEN];
		int ret = block_file_open(&session->loop, config, &file, why);

		if (ret)
			return error_set(error, error_file_status(-ret), "--disk %s: %s", config->path, why);
		if (file->tail)
			fprintf(stderr,
				"minivmm: --disk %s: its last %llu bytes fill no block of %u and are left out\n",
				config->path, (unsigned long long)file->tail, file->block.logical);
		session->disks[session->disk_count] = &file->block;
	}
	return 0;
}

/*
 * What the default init wants to be told on the kernel's command line (what the kernel does not know goes to init's
 * environment): the kind and size of the user's terminal, which a serial line cannot say. With --exec only the command's
 * own output is wanted, so the kernel keeps quiet.
 */
static const char *init_arguments(const struct options *options, char *buf, size_t size)
{
	const char *term = getenv("TERM");
	struct winsize window;

	if (options->exec)
		return "quiet";
	if (options->console.kind != CONSOLE_STDIO || ioctl(STDIN_FILENO, TIOCGWINSZ, &window) || !window.ws_row ||
		!term || strpbrk(term, " \"\t\n") || strlen(term) > 32)
		return NULL;
	snprintf(buf, size, "TERM=%s LINES=%u COLUMNS=%u", term, window.ws_row, window.ws_col);
	return buf;
}

/*
 * Linux numbers 8250s as it finds them, and a PCI one may be found before the console: then only the address says which one
 * is meant, in a form that starts an earlycon (drivers/tty/serial/8250/8250_core.c, univ8250_console_match).
 */
static const char *console_parameter(const struct options *options)
{
	if (options->console_type == CONSOLE_PL011)
		return "console=ttyAMA0";
	return options->serial_count ? "console=uart8250,mmio,0x9000000" : "console=ttyS0";
}

/* What the guest boots from. A flat binary brings its own everything. */
static int open_guest(struct session *session, struct error *error)
{
	const struct options *options = session->options;
	bool default_init;
	char arguments[80];

	if (options->kernel && kernel_open(&session->kernel, options->kernel, error))
		return -1;
	default_init = options->kernel && !options->initrd && session->kernel.format != KERNEL_FLAT;
	if (cmdline_build(session->cmdline, options->cmdline,
		    default_init ? init_arguments(options, arguments, sizeof(arguments)) : NULL,
		    console_parameter(options), error))
		return -1;
	if (options->initrd)
		return initrd_open(&session->initrd, options->initrd, error);
	if (!default_init)
		return 0;
	return default_initrd_make(&session->default_initrd, options, &session->kernel, &session->initrd, error);
}

/* The file now: what cannot be written is told before the guest runs, not after. */
static int open_trace(struct session *session, struct error *error)
{
	const struct options *options = session->options;

	if (!options->trace && !options->boot_report)
		return 0;
	session->trace = trace_create(options->cpus, options->trace != NULL);
	if (!session->trace)
		return error_set(error, STATUS_HOST, "out of memory");
	if (!options->trace)
		return 0;
	session->trace_file = fopen(options->trace, "we");
	return session->trace_file ? 0
				   : error_set(error, STATUS_OUTPUT, "--trace %s: %s", options->trace, strerror(errno));
}

/* The guest's status, unless that was fine and the trace is not. */
static int finish_trace(struct session *session, int status)
{
	struct error error = { .status = STATUS_OK };
	bool written;

	if (session->options->boot_report)
		trace_report(session->trace, stderr);
	if (!session->trace_file)
		return status;
	written = trace_write(session->trace, session->trace_file);
	if (fclose(session->trace_file) || !written)
		error_set(&error, STATUS_OUTPUT, "--trace %s: %s", session->options->trace, strerror(errno));
	session->trace_file = NULL;
	if (error.status != STATUS_OK)
		(void)complain(&error);
	return status == STATUS_OK ? (int)error.status : status;
}

/* Around everything that devices are about to be given. */
static int open_record(struct session *session, struct error *error)
{
	if (!session->options->record)
		return 0;
	session->record = record_create(session->options->record, &session->loop, error);
	if (!session->record)
		return -1;
	if (session->entropy_open)
		session->recorded_entropy = record_entropy(session->record, &session->entropy);
	for (unsigned int i = 0; i < session->disk_count; i++) {
		session->recorded_disks[i] = record_disk(session->record, session->disks[i], error);
		if (!session->recorded_disks[i])
			return -1;
	}
	session->recorded_console = record_console(session->record, session->consoles.console.chardev, error);
	return session->recorded_console ? 0 : -1;
}

/* The guest's status, unless that was fine and the recording is not. */
static int finish_record(struct session *session, int status)
{
	struct error error = { .status = STATUS_OK };
	int failed = record_finish(session->record, &error);

	session->record = NULL;
	if (failed)
		(void)complain(&error);
	return failed && status == STATUS_OK ? (int)error.status : status;
}

static int open_session(struct session *session, struct error *error)
{
	int ret;

	if (session->options->stats) {
		session->stats = calloc(1, sizeof(*session->stats));
		if (!session->stats)
			return error_set(error, STATUS_HOST, "out of memory");
	}
	trace_phase(session->trace, "kernel and initrd files");
	if (open_guest(session, error))
		return -1;
	trace_phase(session->trace, "backends");
	if (open_entropy(session, error))
		return -1;
	qtest_clock_init(&session->qtest_clock);
	ret = loop_init(&session->loop, &session->lock, session->options->qtest ? &session->qtest_clock.clock : NULL);
	if (ret)
		return error_set(error, STATUS_HOST, "cannot set up the event loop: %s", strerror(-ret));
	if (open_disks(session, error) || watch_signals(session, error))
		return -1;
	if (consoles_open(&session->consoles, session->options, &session->loop, quit, session, error))
		return -1;
	return open_record(session, error);
}

/* In reverse, whatever was opened. */
static void close_session(struct session *session)
{
	(void)finish_record(session, STATUS_OK);
	consoles_close(&session->consoles);
	if (session->signals.fd >= 0) {
		loop_del(&session->loop, &session->signals);
		close(session->signals.fd);
	}
	vhost_users_close(&session->vhost_users);
	while (session->disk_count)
		block_destroy(session->disks[--session->disk_count]);
	loop_destroy(&session->loop);
	if (session->entropy_open)
		entropy_destroy(&session->entropy);
	initrd_close(&session->initrd);
	default_initrd_free(&session->default_initrd);
	kernel_close(&session->kernel);
	free(session->stats);
	if (session->trace_file)
		fclose(session->trace_file);
	trace_destroy(session->trace);
}

static struct machine *create_machine(struct session *session, struct machine_config *config, struct error *error)
{
	*config = (struct machine_config){
		.options = session->options,
		.cmdline = session->cmdline,
		.kernel = session->options->kernel ? &session->kernel : NULL,
		.initrd = session->initrd.size ? &session->initrd : NULL,
		.console = session->consoles.console.chardev,
		.serials = session->consoles.streams,
		.entropy = session->entropy_open ? &session->entropy : NULL,
		.disks = session->disks,
		.vhost_users = &session->vhost_users,
		.loop = &session->loop,
		.lock = &session->lock,
		.trace = session->trace,
		.hostile = session->hostile,
	};
	if (session->record) {
		config->console = session->recorded_console;
		config->entropy = session->recorded_entropy;
		config->disks = session->recorded_disks;
		config->record = session->record;
	}
	trace_life(session->trace);
	/* Also those that left in an earlier life. */
	if (vhost_users_connect(&session->vhost_users, session->options, error))
		return NULL;
	return machine_create(config, error);
}

/* One life. How it ended; RUN_FAILED with *error filled. */
static enum run_end run_machine(struct session *session, int *exit_status, struct error *error)
{
	struct machine_config config;
	struct machine *machine = create_machine(session, &config, error);
	enum run_end end;

	if (!machine)
		return RUN_FAILED;
	pthread_mutex_lock(&session->lock);
	session->machine = machine;
	pthread_mutex_unlock(&session->lock);

	trace_phase(session->trace, "guest");
	end = machine_run(machine, exit_status, error);
	trace_phase(session->trace, "end of the machine");

	session->machine = NULL;
	if (session->stats)
		machine_collect_stats(machine, session->stats);
	machine_destroy(machine);
	trace_phase(session->trace, NULL);
	return end;
}

/* A warm reset is how a panic shows itself, if the command line says so (see cmdline.h); else it is a reboot like any other. */
static bool is_panic(const struct session *session, enum run_end end)
{
	return end == RUN_CRASHED || (end == RUN_RESET2 && strstr(session->cmdline, "reboot=panic_warm"));
}

static int run_session(struct session *session)
{
	struct error error = { .status = STATUS_OK };
	enum run_end end;
	int exit_status;

	for (;;) {
		end = run_machine(session, &exit_status, &error);
		if (end != RUN_RESET && (end != RUN_RESET2 || is_panic(session, end)))
			break;
		if (session->killed) {
			end = RUN_KILLED;
			break;
		}
	}

	term_restore();
	if (session->stats)
		stats_print(session->stats, stderr);
	hostile_log_end(session->hostile);
	if (end == RUN_FAILED)
		return complain(&error);
	if (is_panic(session, end)) {
		error_set(&error, STATUS_CRASHED, "the guest panicked; the reason is on its console");
		return complain(&error);
	}
	if (end == RUN_KILLED)
		return session->options->qtest ? STATUS_OK : STATUS_KILLED;
	if (exit_status >= 0)
		return exit_status;
	if (session->options->exec) {
		error_set(&error, STATUS_NO_ANSWER,
			"--exec: the guest powered off without reporting the command's status");
		return complain(&error);
	}
	return STATUS_OK;
}

static int dump_dtb(struct session *session)
{
	struct error error = { .status = STATUS_OK };
	struct machine_config config;
	struct machine *machine = create_machine(session, &config, &error);
	const void *dtb;
	size_t size;

	if (!machine)
		return complain(&error);
	size = machine_dtb(machine, &dtb);
	(void)write_file(session->options->dump_dtb, dtb, size, &error);
	machine_destroy(machine);
	return error.status == STATUS_OK ? STATUS_OK : complain(&error);
}

static int run(const struct options *options)
{
	struct session session = {
		.options = options,
		.kernel.fd = -1,
		.initrd.fd = -1,
		.signals.fd = -1,
		.loop = { .epoll_fd = -1, .wake_fd = -1 },
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	struct error error = { .status = STATUS_OK };
	int status;

	if ((!options->dump_dtb && !options->qtest && accel_available(&error)) || open_trace(&session, &error) ||
		open_session(&session, &error)) {
		close_session(&session);
		return complain(&error);
	}
	if (!options->dump_dtb)
		session.hostile = hostile_log_begin(&session.hostile_state, &options->hostile);
	status = options->dump_dtb ? dump_dtb(&session) : run_session(&session);
	if (session.trace)
		status = finish_trace(&session, status);
	status = finish_record(&session, status);
	close_session(&session);
	return status;
}

static int check(void)
{
	struct check_facts facts;

	check_gather(&facts);
	return (int)check_print(&facts, stdout);
}

int main(int argc, char **argv)
{
	struct error error = { .status = STATUS_OK };
	struct options options;

	if (options_parse(&options, argc, argv, &error))
		return complain(&error);
	rseq_leave();
	switch (options.action) {
	case ACTION_HELP: options_help(stdout); return STATUS_OK;
	case ACTION_VERSION: options_version(stdout); return STATUS_OK;
	case ACTION_CHECK: return check();
	case ACTION_RUN: break;
	}
	return run(&options);
}
