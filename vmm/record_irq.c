/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines and messages of a recorded machine: each passes on what its device does and writes it down, as qtest would say it.
 * What a line has of its own, such as being raised again at the guest's EOI (kvm_irq.c), is not the device's and not written.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "record_internal.h"

static struct record_line *line_of(struct irq *irq)
{
	return container_of(irq, struct record_line, irq);
}

/* That timers change at any time: where the clock has to be for that is said first. Other lines change in a step, or by what it says. */
static bool has_timer(uint32_t spi)
{
	return spi == LAYOUT_SPI_PL031 || spi == LAYOUT_SPI_PL061;
}

static void note(const struct record_line *line, const char *what)
{
	struct record *r = line->r;

	if (!r->running)
		return;
	if (has_timer(line->irq.num))
		record_step_clock(r, &r->after);
	record_put(r, &r->after, "IRQ %s %" PRIu32 "\n", what, line->irq.num);
}

/* Something from outside: the guest takes the line by its level. */
static void inner_sensed(struct irq *inner, void *opaque)
{
	struct record_line *line = opaque;

	(void)inner;
	if (!line->irq.sensed)
		return;
	record_put(line->r, &line->r->before, "# sensed %" PRIu32 "\n", line->irq.num);
	line->irq.sensed(&line->irq, line->irq.sensed_opaque);
}

static void line_raise(struct irq *irq)
{
	struct record_line *line = line_of(irq);

	line->inner->sensed = irq->sensed ? inner_sensed : NULL;
	line->inner->sensed_opaque = line;
	note(line, "raise");
	irq_raise(line->inner);
}

static void line_lower(struct irq *irq)
{
	note(line_of(irq), "lower");
	irq_lower(line_of(irq)->inner);
}

struct irq *record_irq(struct record *r, struct irq *inner)
{
	static const struct irq_ops ops = { .raise = line_raise, .lower = line_lower, .fd = irq_no_fd };
	struct record_line *line;

	if (!r || !inner)
		return inner;
	line = &r->line[inner->num];
	if (line->inner != inner)
		*line = (struct record_line){ .irq = { .ops = &ops, .num = inner->num }, .inner = inner, .r = r };
	return &line->irq;
}

struct record_message {
	struct irq irq;
	struct irq *inner;
	struct record *r;
	uint32_t requester, data;
	uint64_t addr;
};

static struct record_message *message_of(struct irq *irq)
{
	return container_of(irq, struct record_message, irq);
}

static void message_raise(struct irq *irq)
{
	const struct record_message *message = message_of(irq);
	struct record *r = message->r;

	if (r->running)
		record_put(r, &r->after, "IRQ message %" PRIu32 " 0x%" PRIx64 " 0x%" PRIx32 "\n", message->requester,
			message->addr, message->data);
	irq_raise(message->inner);
}

static void message_lower(struct irq *irq)
{
	irq_lower(message_of(irq)->inner);
}

static struct irq *message_alloc(void *opaque, uint32_t requester)
{
	static const struct irq_ops ops = { .raise = message_raise, .lower = message_lower, .fd = irq_no_fd };
	struct record *r = opaque;
	struct record_message *message = calloc(1, sizeof(*message));

	if (!message)
		return NULL;
	*message = (struct record_message){
		.irq = { .ops = &ops },
		.inner = r->inner_msi->alloc(r->inner_msi_opaque, requester),
		.r = r,
		.requester = requester,
	};
	if (message->inner)
		return &message->irq;
	free(message);
	return NULL;
}

static int message_route(void *opaque, struct irq *irq, uint64_t addr, uint32_t data)
{
	struct record *r = opaque;
	struct record_message *message = message_of(irq);

	message->addr = addr;
	message->data = data;
	return r->inner_msi->route(r->inner_msi_opaque, message->inner, addr, data);
}

static void message_free(void *opaque, struct irq *irq)
{
	struct record *r = opaque;

	r->inner_msi->free(r->inner_msi_opaque, message_of(irq)->inner);
	free(message_of(irq));
}

const struct msi_ops *record_msi(struct record *r, const struct msi_ops *msi, void *opaque)
{
	static const struct msi_ops ops = { .alloc = message_alloc, .route = message_route, .free = message_free };

	r->inner_msi = msi;
	r->inner_msi_opaque = opaque;
	return &ops;
}
