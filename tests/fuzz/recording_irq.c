/* SPDX-License-Identifier: Apache-2.0 */
/* Where a recorded machine's interrupts end, and what came of its devices in its order, to be asked for. See recording.h. */
#include <errno.h>
#include <stdlib.h>

#include "recording_internal.h"

void recording_add_came(struct recording *r, const struct fuzz_line *line)
{
	if (r->came_count == r->came_room) {
		r->came_room = r->came_room ? 2 * r->came_room : 64;
		r->came = reallocarray(r->came, r->came_room, sizeof(*r->came));
		recording_must(r->came, "no memory");
	}
	r->came[r->came_count++] = *line;
}

static void irq_came(struct recording *r, struct fuzz_interrupt irq)
{
	recording_add_came(r, &(struct fuzz_line){ .kind = FUZZ_LINE_IRQ, .irq = irq });
}

static struct recording *of_line(struct irq *irq)
{
	return container_of(irq - irq->num, struct recording, line[0]);
}

static void line_raise(struct irq *irq)
{
	irq_came(of_line(irq), (struct fuzz_interrupt){ .what = FUZZ_IRQ_RAISE, .num = irq->num });
}

static void line_lower(struct irq *irq)
{
	irq_came(of_line(irq), (struct fuzz_interrupt){ .what = FUZZ_IRQ_LOWER, .num = irq->num });
}

static const struct irq_ops line_ops = { .raise = line_raise, .lower = line_lower, .fd = irq_no_fd };

struct irq *recording_line(struct recording *r, uint32_t num)
{
	r->line[num].ops = &line_ops;
	r->line[num].num = num;
	return &r->line[num];
}

struct message {
	struct irq irq;
	struct recording *r;
	struct fuzz_interrupt sent;
};

static void message_raise(struct irq *irq)
{
	const struct message *message = container_of(irq, struct message, irq);

	irq_came(message->r, message->sent);
}

static struct irq *msi_alloc(void *opaque, uint32_t requester)
{
	static const struct irq_ops ops = { .raise = message_raise, .lower = irq_no_level, .fd = irq_no_fd };
	struct message *message = calloc(1, sizeof(*message));

	recording_must(message, "no memory");
	message->irq.ops = &ops;
	message->r = opaque;
	message->sent = (struct fuzz_interrupt){ .what = FUZZ_IRQ_MESSAGE, .num = requester };
	return &message->irq;
}

/* As the ITS of the recorded machine takes them, and no other address's. */
static int msi_route(void *opaque, struct irq *irq, uint64_t addr, uint32_t data)
{
	struct message *message = container_of(irq, struct message, irq);

	(void)opaque;
	message->sent.addr = addr;
	message->sent.data = data;
	return addr == LAYOUT_ITS_TRANSLATER ? 0 : -EINVAL;
}

static void msi_free(void *opaque, struct irq *irq)
{
	(void)opaque;
	free(container_of(irq, struct message, irq));
}

const struct msi_ops recording_msi_ops = { .alloc = msi_alloc, .route = msi_route, .free = msi_free };

bool recording_came(struct recording *r, struct fuzz_line *line)
{
	if (r->came_taken == r->came_count) {
		r->came_taken = r->came_count = 0;
		return false;
	}
	*line = r->came[r->came_taken++];
	return true;
}
