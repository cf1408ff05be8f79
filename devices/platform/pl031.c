/* SPDX-License-Identifier: Apache-2.0 */
/* The PL031's registers and its alarm. */
#include "pl031.h"

#include <string.h>

#define NS_PER_S 1000000000ULL

/* DDI 0224C table 3-1. */
enum {
	RTCDR = 0x00,
	RTCMR = 0x04,
	RTCLR = 0x08,
	RTCCR = 0x0c,
	RTCIMSC = 0x10,
	RTCRIS = 0x14,
	RTCMIS = 0x18,
	RTCICR = 0x1c,
};

static const uint8_t pl031_id[8] = { 0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

static uint64_t real_ns(const struct pl031 *p)
{
	return p->loop->clock->realtime_ns(p->loop->clock);
}

static uint32_t now(const struct pl031 *p)
{
	return (uint32_t)(real_ns(p) / NS_PER_S) + p->offset;
}

static void update_irq(struct pl031 *p, uint32_t again)
{
	primecell_irq(p->irq, &p->mis, p->ris & p->imsc, again);
}

/* The match is for equality, so an alarm in the past is one 2^32 seconds ahead. */
static void set_alarm(struct pl031 *p)
{
	struct clock *clock = p->loop->clock;
	uint32_t seconds = p->mr - now(p);

	if (!seconds) {
		loop_timer_cancel(p->loop, &p->alarm);
		p->ris = 1;
		update_irq(p, 1);
		return;
	}
	/* The counter moves when the host's second does. */
	loop_timer_set(p->loop, &p->alarm, clock->monotonic_ns(clock) + seconds * NS_PER_S - real_ns(p) % NS_PER_S);
}

static void alarm_expired(struct loop_timer *timer)
{
	struct pl031 *p = container_of(timer, struct pl031, alarm);

	/* The host's clock was set back meanwhile: not yet. Had it been set ahead, the moment is past and it is time. */
	if ((int32_t)(p->mr - now(p)) > 0) {
		set_alarm(p);
		return;
	}
	p->ris = 1;
	update_irq(p, 1);
}

static uint64_t pl031_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct pl031 *p = opaque;

	(void)size;
	if (!primecell_aligned(offset))
		return 0;
	switch (offset) {
	case RTCDR: return now(p);
	case RTCMR: return p->mr;
	case RTCLR: return p->lr;
	case RTCCR: return 1;
	case RTCIMSC: return p->imsc;
	case RTCRIS: return p->ris;
	case RTCMIS: return p->ris & p->imsc;
	default: return primecell_id(pl031_id, offset);
	}
}

static void pl031_write(void *opaque, uint64_t offset, unsigned int size, uint64_t data)
{
	struct pl031 *p = opaque;
	uint32_t value = (uint32_t)data;

	(void)size;
	if (!primecell_aligned(offset))
		return;
	switch (offset) {
	case RTCMR:
		p->mr = value;
		set_alarm(p);
		break;
	case RTCLR:
		p->lr = value;
		p->offset += value - now(p);
		/* Not before an alarm was ever asked for: the match register's 0 is no wish. */
		if (p->alarm.armed)
			set_alarm(p);
		break;
	case RTCIMSC:
		p->imsc = value & 1;
		update_irq(p, 0);
		break;
	case RTCICR:
		p->ris &= ~value;
		update_irq(p, 0);
		break;
	default: break; /* RTCCR: once enabled, writes have no effect (3.3.4) */
	}
}

static const char *pl031_reg_name(uint64_t offset)
{
	static const char *const names[] = { "RTCDR", "RTCMR", "RTCLR", "RTCCR", "RTCIMSC", "RTCRIS", "RTCMIS",
		"RTCICR" };

	return primecell_name(names, ARRAY_SIZE(names), offset);
}

int pl031_init(struct pl031 *p, struct loop *loop, struct bus *bus, gpa_t base, struct irq *irq)
{
	static const struct bus_ops ops = { .read = pl031_read, .write = pl031_write, .reg_name = pl031_reg_name };

	memset(p, 0, sizeof(*p));
	p->bus = bus;
	p->region = (struct bus_region){ "pl031", &ops, p, base, PRIMECELL_SIZE };
	p->irq = irq;
	p->loop = loop;
	p->alarm.expired = alarm_expired;
	return bus_add(bus, &p->region);
}

void pl031_reset(struct pl031 *p)
{
	loop_timer_cancel(p->loop, &p->alarm);
	p->mr = p->lr = p->imsc = p->ris = 0;
	update_irq(p, 0);
}

void pl031_destroy(struct pl031 *p)
{
	loop_timer_cancel(p->loop, &p->alarm);
	bus_del(p->bus, &p->region);
}
