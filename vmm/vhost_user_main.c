/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minivmm-vhost-user: one virtio device of devices/ behind a UNIX socket, for any vhost-user frontend. There is no guest here
 * and no machine: both are the frontend's.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/unix_listener.h"
#include "vhost_user_options.h"
#include "virtio/blk.h"
#include "virtio/rng.h"
#include "virtio/vhost_user_server.h"

/* Of a disk's rings as frontends have them by default, QEMU and minivmm: its configuration space is read before any message tells. */
#define BLK_QUEUE_SIZE 128

#define RETRY_NS 1000000000ULL /* until accept is tried again after this process ran out of descriptors */

struct program {
	const struct vhost_user_options *options;
	struct loop loop;
	struct loop_source signals; /* a signalfd */
	struct unix_listener socket; /* with --socket-path */
	struct loop_source listener; /* fd -1: the one connection there is came by --fd */
	bool listening; /* on the loop */
	struct loop_timer retry;
	struct vhost_user_memory memory;
	struct vhost_user_server server;
	struct entropy entropy;
	struct block_file *file;
	struct virtio_rng rng;
	struct virtio_blk blk;
	struct virtio *v; /* of rng or blk; NULL: not there yet */
};

/* What a frontend cut short, for the handler of SIGBUS. */
static struct vhost_user_memory *shared_memory;

static void say(const char *about, const char *text)
{
	fprintf(stderr, "minivmm-vhost-user: %s: %s\n", about, text);
}

static int complain(const struct error *error)
{
	fprintf(stderr, "minivmm-vhost-user: %s\n", error->text);
	return (int)error->status;
}

static void bus_error(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (vhost_user_memory_patch(shared_memory, info->si_addr))
		return;
	/* A mistake of ours: it happens again, and is then the end. */
	signal(number, SIG_DFL);
}

static void device_says(struct virtio *v, const char *text)
{
	say(v->class->name, text);
}

static void frontend_erred(struct vhost_user_server *s, const char *text)
{
	(void)s;
	say("connection dropped", text);
}

static void listen_now(struct program *p)
{
	p->listening = !loop_add(&p->loop, &p->listener, EPOLLIN);
}

static void listen_not(struct program *p)
{
	if (p->listening)
		loop_del(&p->loop, &p->listener);
	p->listening = false;
}

static void listen_again(struct loop_timer *timer)
{
	listen_now(container_of(timer, struct program, retry));
}

/* While a frontend is there the listener is not watched: the next one waits in the kernel's queue. */
static void frontend_gone(struct vhost_user_server *s)
{
	struct program *p = container_of(s, struct program, server);

	if (p->listener.fd >= 0)
		listen_now(p);
	else
		loop_stop(&p->loop);
}

static void accept_frontend(struct loop_source *source, uint32_t events)
{
	struct program *p = container_of(source, struct program, listener);
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0) {
		/* It stays in the queue, and the loop would be told so again at once. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			listen_not(p);
			loop_timer_set(&p->loop, &p->retry, p->loop.clock->monotonic_ns(p->loop.clock) + RETRY_NS);
		}
		return;
	}
	listen_not(p);
	if (vhost_user_server_serve(&p->server, fd))
		listen_now(p);
}

static void signals_ready(struct loop_source *source, uint32_t events)
{
	(void)events;
	loop_stop(&container_of(source, struct program, signals)->loop);
}

static int watch_signals(struct program *p, struct error *error)
{
	const struct sigaction action = { .sa_sigaction = bus_error, .sa_flags = SA_SIGINFO };
	sigset_t set;
	int ret;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	shared_memory = &p->memory;
	sigaction(SIGBUS, &action, NULL);
	p->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	ret = p->signals.fd < 0 ? -errno : loop_add(&p->loop, &p->signals, EPOLLIN);
	return ret ? error_set(error, STATUS_HOST, "cannot watch for signals: %s", strerror(-ret)) : 0;
}

static int open_rng(struct program *p, struct error *error)
{
	const char *path = p->options->values.rng_source, *failed;
	int ret;

	if (path) {
		ret = entropy_init_file(&p->entropy, path, &failed);
		if (ret)
			return error_set(
				error, STATUS_BAD_FILE, "--rng source=%s: %s: %s", path, failed, strerror(-ret));
	} else {
		entropy_init_host(&p->entropy);
	}
	if (virtio_rng_init(&p->rng, &p->loop, &p->memory.mem, &p->entropy)) {
		entropy_destroy(&p->entropy);
		return error_set(error, STATUS_HOST, "out of memory");
	}
	p->v = &p->rng.v;
	p->v->features_on = p->options->values.rng_features.on;
	p->v->features_off = p->options->values.rng_features.off;
	return 0;
}

static int open_blk(struct program *p, struct error *error)
{
	const struct disk_options *disk = &p->options->values.disks[0];
	const struct virtio_blk_options options = {
		.queues = (uint16_t)disk->queues,
		.queue_size = disk->queue_size ? (uint16_t)disk->queue_size : BLK_QUEUE_SIZE,
		.write_through = disk->write_through,
		.serial = disk->id,
	};
	char why[BLOCK_WHY_LEN];
	int ret = block_file_open(&p->loop, &disk->file, &p->file, why);

	if (ret)
		return error_set(error, error_file_status(-ret), "--disk %s: %s", disk->file.path, why);
	if (virtio_blk_init(&p->blk, &p->loop, &p->memory.mem, &p->file->block, &options)) {
		block_destroy(&p->file->block);
		return error_set(error, STATUS_HOST, "out of memory");
	}
	p->v = &p->blk.v;
	p->v->features_on = disk->features.on;
	p->v->features_off = disk->features.off;
	return 0;
}

static int open_device(struct program *p, struct error *error)
{
	if (p->options->device == VHOST_USER_DEVICE_RNG ? open_rng(p, error) : open_blk(p, error))
		return -1;
	p->v->report = device_says;
	if (vhost_user_server_init(&p->server, p->v, &p->memory))
		return error_set(error, STATUS_HOST, "out of memory");
	p->server.report = frontend_erred;
	p->server.gone = frontend_gone;
	return 0;
}

static void close_device(struct program *p)
{
	if (!p->v)
		return;
	/* Without rings of its own when it could not be set up: then nothing was ever served. */
	if (p->server.ring)
		vhost_user_server_destroy(&p->server);
	if (p->v == &p->rng.v) {
		virtio_rng_destroy(&p->rng);
		entropy_destroy(&p->entropy);
	} else {
		virtio_blk_destroy(&p->blk);
		block_destroy(&p->file->block);
	}
}

/* --fd: programs that start backends hand over either kind. */
static int use_fd(struct program *p, struct error *error)
{
	int fd = p->options->fd, listening, ret;
	socklen_t len = sizeof(listening);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0)
		return error_set(error, STATUS_USAGE, "--fd %d: is not a socket: %s", fd, strerror(errno));
	if (listening) {
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		p->listener.fd = fd;
		listen_now(p);
		return 0;
	}
	ret = vhost_user_server_serve(&p->server, fd);
	return ret ? error_set(error, STATUS_HOST, "--fd %d: cannot be watched: %s", fd, strerror(-ret)) : 0;
}

static int open_socket(struct program *p, struct error *error)
{
	const char *path = p->options->path, *failed;
	int ret;

	if (!path)
		return use_fd(p, error);
	ret = unix_listener_open(&p->socket, path, &failed);
	if (ret)
		return error_set(error, STATUS_OUTPUT, "--socket-path %s: %s: %s", path, failed, strerror(-ret));
	p->listener.fd = p->socket.fd;
	listen_now(p);
	return 0;
}

static int serve(struct program *p, struct error *error)
{
	int ret = loop_init(&p->loop, NULL, NULL);

	if (ret)
		return error_set(error, STATUS_HOST, "cannot set up the event loop: %s", strerror(-ret));
	/* The socket last: whoever can connect is served. */
	if (watch_signals(p, error) || open_device(p, error) || open_socket(p, error))
		return -1;
	ret = loop_run(&p->loop);
	return ret ? error_set(error, STATUS_HOST, "the event loop failed: %s", strerror(-ret)) : 0;
}

static int run(const struct vhost_user_options *options)
{
	struct program p = {
		.options = options,
		.loop = { .epoll_fd = -1, .wake_fd = -1 },
		.signals = { .fd = -1, .ready = signals_ready },
		.socket = { .fd = -1 },
		.listener = { .fd = -1, .ready = accept_frontend },
		.retry = { .expired = listen_again },
		.server = { .source.fd = -1 },
	};
	struct error error = { .status = STATUS_OK };
	int ret = serve(&p, &error);

	loop_timer_cancel(&p.loop, &p.retry);
	listen_not(&p);
	unix_listener_close(&p.socket);
	close_device(&p);
	if (p.signals.fd >= 0)
		close(p.signals.fd);
	loop_destroy(&p.loop);
	return ret ? complain(&error) : STATUS_OK;
}

static void print_capabilities(enum vhost_user_device device)
{
	if (device == VHOST_USER_DEVICE_BLK)
		puts("{\n  \"type\": \"block\",\n  \"features\": [\n    \"read-only\",\n    \"blk-file\"\n  ]\n}");
	else
		puts("{\n  \"type\": \"rng\"\n}");
}

int main(int argc, char **argv)
{
	/* With room for every disk a monitor can have: not for the stack. */
	static struct vhost_user_options options;
	struct error error = { .status = STATUS_OK };

	if (vhost_user_options_parse(&options, argc, argv, &error))
		return complain(&error);
	switch (options.action) {
	case VHOST_USER_HELP: vhost_user_options_help(stdout); return STATUS_OK;
	case VHOST_USER_SHOW_VERSION: printf("minivmm-vhost-user %s\n", MINIVMM_VERSION); return STATUS_OK;
	case VHOST_USER_CAPABILITIES: print_capabilities(options.device); return STATUS_OK;
	case VHOST_USER_RUN: break;
	}
	return run(&options);
}
