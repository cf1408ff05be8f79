/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fuzzer's oracles see what they are there for: a device that does one thing wrong at a time, and does it well otherwise, on the
 * fuzzer's machine. Each case is a process, which an oracle has to end with its own name.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/virtio_ids.h>

#include "fuzz/arena.h"
#include "fuzz/device_virtio.h"
#include "fuzz/engine.h"
#include "fuzz/oracle.h"
#include "fuzz/world.h"
#include "test.h"
#include "virtio/mmio.h"

enum wrong {
	NOTHING,
	USED_MORE_THAN_ROOM,
	USED_MORE_THAN_WRITTEN,
	HEADER_TWICE,
	BUFFERS_OF_NO_CHAIN,
	MEMORY_NOT_MAPPED,
	NO_REST,
	NO_INTERRUPT,
	INTERRUPT_AFTER_RESET,
	REQUEST_AFTER_RESET,
	LOSES_MEMORY,
	LOSES_DESCRIPTORS,
	LOSES_DOORBELLS,
	DEAD_AFTER_RESET,
	WRONG_STATE,
	RAISES_FREED_MESSAGE,
	SAVES_WHAT_IT_REFUSES,
	STAYS_ON_THE_BUS,
	STAYS_ARMED,
};

/* So that no compiler leaves out what nobody uses. */
static void *volatile lost;

/* Reads what it is sent, answers with as much. */
struct liar {
	struct virtio v;
	struct virtio_transport transport;
	const struct virtio_transport *honest;
	struct chain chain;
	struct loop_timer timer;
	unsigned int turns;
	bool was_reset;
};

static enum wrong wrong;

static struct liar *liar(void)
{
	return fuzz_machine->dev;
}

/* What is wrong about one chain, whose header was read. */
static void do_wrong(struct virtio *v, struct chain *chain, const struct iovec *header)
{
	struct iovec other = { .iov_base = &wrong, .iov_len = 4 };
	struct doorbell bell = { .addr = FUZZ_DATA + liar()->turns, .size = 4, .fd = 0 };
	struct irq *irq;
	char again;

	switch (wrong) {
	case USED_MORE_THAN_ROOM: chain->written += 1000; break;
	case USED_MORE_THAN_WRITTEN: chain->written += 1; break;
	case HEADER_TWICE: mem_load(v->mem, &again, header->iov_base, 1); break;
	case BUFFERS_OF_NO_CHAIN: fuzz_oracle_backend("liar's", &other, 1); break;
	case MEMORY_NOT_MAPPED:
		chain->iov[0].iov_base = &wrong;
		fuzz_oracle_backend("liar's", chain->iov, 1);
		break;
	case LOSES_MEMORY: lost = malloc(4096); break;
	case LOSES_DESCRIPTORS: CHECK(eventfd(0, 0) >= 0); break;
	case LOSES_DOORBELLS: CHECK_EQ(bus_add_doorbell(&fuzz_machine->bus, &bell), 0); break;
	case RAISES_FREED_MESSAGE:
		irq = fuzz_msi_ops.alloc(NULL, 0);
		fuzz_msi_ops.free(NULL, irq);
		irq_raise(irq);
		break;
	default: break;
	}
}

static void liar_notify(struct virtio *v, struct virtq *q)
{
	struct liar *l = liar();
	struct iovec header;
	char text[16];

	l->turns++;
	if (wrong == DEAD_AFTER_RESET && l->was_reset)
		return;
	while (virtq_pop(q, &l->chain)) {
		header = l->chain.iov[0];
		(void)chain_write(&l->chain, text, chain_read(&l->chain, text, sizeof(text)));
		do_wrong(v, &l->chain, &header);
		virtq_push(q, &l->chain);
	}
	if (wrong == NO_REST)
		q->more = true;
}

static void liar_reset(struct virtio *v)
{
	(void)v;
	liar()->was_reset = true;
}

static void liar_notify_queue(struct virtio *v, struct virtq *q)
{
	if (wrong != NO_INTERRUPT)
		liar()->honest->notify_queue(v, q);
}

static void liar_transport_reset(struct virtio *v)
{
	liar()->honest->reset(v);
	if (wrong == INTERRUPT_AFTER_RESET)
		irq_raise(&fuzz_machine->line[0].irq);
	if (wrong == REQUEST_AFTER_RESET && liar()->turns)
		fuzz_world->requests++;
}

static const struct virtio_class liar_class = {
	.name = "liar",
	.device_id = VIRTIO_ID_RNG,
	.queue_count = 1,
	.queue_size = 16,
	.reset = liar_reset,
	.queue_notify = liar_notify,
};

static void build(struct fuzz_machine *m, const struct fuzz_device *device)
{
	struct liar *l = fuzz_arena_alloc(sizeof(*l));

	(void)device;
	m->dev = l;
	fuzz_must(!virtio_init(&l->v, &liar_class, &m->loop, &fuzz_memory.mem), "no device");
	fuzz_virtio_place(m, &l->v);
	l->honest = l->v.transport;
	l->transport = *l->honest;
	l->transport.notify_queue = liar_notify_queue;
	l->transport.reset = liar_transport_reset;
	virtio_attach(&l->v, &l->transport, l->v.transport_state);
}

static void state(struct fuzz_machine *m, struct state *s)
{
	uint32_t turns = liar()->turns;

	(void)m;
	state_section(s, "liar", 1);
	state_u32(s, &turns);
	if (wrong == SAVES_WHAT_IT_REFUSES && state_loading(s))
		state_fail(s, "it cannot be");
}

static void expired(struct loop_timer *timer)
{
	(void)timer;
}

static void destroy(struct fuzz_machine *m)
{
	if (wrong == STAYS_ARMED) {
		liar()->timer.expired = expired;
		loop_timer_set(&m->loop, &liar()->timer, UINT64_MAX - 1);
	}
	if (wrong != STAYS_ON_THE_BUS)
		virtio_mmio_destroy(m->v->transport_state);
	virtio_destroy(m->v);
}

static void save(void)
{
	struct fuzz_op op = { .kind = FUZZ_HOST, .host = FUZZ_HOST_SAVED };

	fuzz_do(&op);
}

static void ask(void)
{
	const struct fuzz_buf bufs[] = { { FUZZ_DATA, 8, false }, { FUZZ_DATA + 0x1000, 64, true } };

	fuzz_guest_add(0, bufs, 2, false);
	fuzz_guest_kick(0);
}

static const char *works(struct fuzz_machine *m)
{
	uint32_t head, len;

	(void)m;
	fuzz_guest_bring_up(0, 8);
	ask();
	return fuzz_guest_used(0, &head, &len) ? NULL : "no answer";
}

static const char *check(struct fuzz_machine *m)
{
	return wrong == WRONG_STATE && ((struct liar *)m->dev)->turns ? "it said so" : NULL;
}

static const struct fuzz_device device = {
	.name = "liar",
	.build = build,
	.works = works,
	.check = check,
	.state = state,
	.destroy = destroy,
	FUZZ_ON_MMIO,
};

static void live(void)
{
	fuzz_machine_start(&device);
	/* What a reset forgets is not held against the next run. */
	for (unsigned int run = 0; run < 3; run++) {
		fuzz_machine_reset();
		fuzz_guest_bring_up(0, 8);
		for (unsigned int i = 0; i < 40; i++)
			ask();
		if (wrong == NOTHING || wrong == SAVES_WHAT_IT_REFUSES)
			save();
		ask();
		fuzz_machine_check();
	}
	exit(0);
}

/* What the process said when it does that wrong; its status. */
static int run_wrong(enum wrong what, char *said, size_t size)
{
	size_t len = 0;
	int out[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe(out) < 0)
		return -1;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(out[1], STDERR_FILENO);
		wrong = what;
		live();
	}
	close(out[1]);
	while ((n = read(out[0], said + len, size - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	close(out[0]);
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static void a_good_device_passes(void)
{
	char said[300];

	CHECK_EQ(run_wrong(NOTHING, said, sizeof(said)), 0);
	CHECK_STR(said, "");
}

static void each_wrong_is_seen(void)
{
	static const struct {
		enum wrong what;
		const char *oracle;
	} rows[] = {
		{ USED_MORE_THAN_ROOM, "used: queue 0, head 0: used length 1008, room for 64" },
		{ USED_MORE_THAN_WRITTEN, "used: queue 0, head 0: used length 9, 8 bytes were written" },
		{ HEADER_TWICE, "fetch: 1 bytes of a header" },
		{ BUFFERS_OF_NO_CHAIN, "dma: the liar's is given 1 buffers that are no chain's" },
		{ MEMORY_NOT_MAPPED, "dma: the liar's is given 8 bytes" },
		{ NO_REST, "work: the loop does not come to rest" },
		{ NO_INTERRUPT, "irq: " },
		{ INTERRUPT_AFTER_RESET, "reset: the interrupt is still raised" },
		{ REQUEST_AFTER_RESET, "reset: 1 requests are with the disk" },
		{ LOSES_MEMORY, "memory: " },
		{ LOSES_DESCRIPTORS, "memory: 4 descriptors are open" },
		{ LOSES_DOORBELLS, "memory: 2 doorbells are on the bus" },
		{ DEAD_AFTER_RESET, "works: liar does not work after a reset: no answer" },
		{ WRONG_STATE, "state: liar: it said so" },
		{ RAISES_FREED_MESSAGE, "msi: " },
		{ SAVES_WHAT_IT_REFUSES, "snapshot: what was saved is not taken" },
		{ STAYS_ON_THE_BUS, "memory: 1 regions and 0 doorbells of what was taken down" },
		{ STAYS_ARMED, "memory: a timer of what was taken down is armed" },
	};
	char said[300];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int status = run_wrong(rows[i].what, said, sizeof(said));

		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
		CHECK(!strncmp(said, "minivmm-fuzz: ", 14));
		if (strncmp(said + 14, rows[i].oracle, strlen(rows[i].oracle)))
			TEST_FAIL_("not '%s' but %s", rows[i].oracle, said);
	}
}

static const struct test tests[] = { TEST(a_good_device_passes), TEST(each_wrong_is_seen) };

TEST_MAIN(tests)
