/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who wakes whom: the wishes "kick me" and "interrupt me" of a device (devices/virtio/virtq_*.c, ring_pop) and of a driver that
 * runs at the same time on another processor. Proved: it never comes to both asleep with work left, and neither index
 * runs more than a queue ahead. What becomes of a kick is in kick.pml: here it wakes the device, sooner or later.
 *
 * -DMODE=0: by flags, on either ring. 1: VIRTIO_F_EVENT_IDX, split: a wish is an index and "none" is one left behind.
 * 2: VIRTIO_F_EVENT_IDX, packed: "none" is a value of its own. Entries are taken one at a time and one is one index.
 *
 * Memory is as weak as arm64's where stores are concerned: what a side writes waits, each variable by itself, and reaches
 * the other at any later moment; a release store not before what was written earlier; a full barrier waits for all. Reads
 * are in order here; the acquire loads that make them so, and what the entries say, are not part of it.
 *
 * Each name in an #ifdef is a mutant, which has to fail.
 */
#ifndef MODE
#define MODE 0
#endif
#define FLAGS  0
#define EVENT  1
#define PACKED 2

/* The least queue with all there is: several in flight, full, empty; indices are as many times its size as the largest's. */
#define SIZE 2
#define WRAP(x) ((x) & 3)

#define NEVER 4 /* a wish: not at all, where that is not said by an index */

/* Variables by who writes them. */
#define AVAIL 0 /* available index, of the driver */
#define DRIVER_WISH 1
#define USED 2 /* used index, of the device */
#define DEVICE_WISH 3
byte mem[4], waits[4]; /* what the other side sees; what it does not see yet */
bool pending[4], after[4]; /* there is such; and only after the same side's other one */
bool kick, irq;

#define OTHER(x) ((x) ^ 1)

inline store(x, v) { d_step { waits[x] = v; pending[x] = true } }
inline release_store(x, v) { d_step { waits[x] = v; after[x] = pending[OTHER(x)]; pending[x] = true } }
inline full_barrier(x) { !pending[x] && !pending[OTHER(x)] }

#define REACH(x)                                                    \
	atomic { pending[x] && !(after[x] && pending[OTHER(x)]) ->  \
		mem[x] = waits[x];                                  \
		pending[x] = false;                                 \
		after[x] = false }

active proctype memory()
{
end:	do
	:: REACH(AVAIL)
	:: REACH(DRIVER_WISH)
	:: REACH(USED)
	:: REACH(DEVICE_WISH)
	od
}

/* vring_need_event, and flags. */
#define PASSED(wish, now, old) (WRAP(now - wish - 1) < WRAP(now - old))
#define WANTED(wish, now, old) (wish != NEVER && (MODE == FLAGS || PASSED(wish, now, old)))

active proctype driver()
{
	byte next, seen, old, wish;

	do
	:: WRAP(next - seen) < SIZE ->
		old = next;
		next = WRAP(next + 1);
		if
		:: WRAP(next - seen) < SIZE -> next = WRAP(next + 1) /* two, and one look at the wish */
		:: true
		fi;
		release_store(AVAIL, next);
#ifndef NO_DRIVER_KICK_BARRIER
		full_barrier(AVAIL);
#endif
		wish = mem[DEVICE_WISH];
		if
		:: WANTED(wish, next, old) -> full_barrier(AVAIL); kick = true
		:: else
		fi
	:: next != seen ->
		/* No interrupts while it works. */
		if
		:: MODE != EVENT -> store(DRIVER_WISH, NEVER)
		:: true
		fi;
		assert(WRAP(mem[USED] - seen) <= SIZE);
		if
		:: seen != mem[USED] -> seen = WRAP(seen + 1)
		:: else
		fi
	:: next != seen ->
		/* To sleep: the wish, and a look after it. */
		store(DRIVER_WISH, (MODE == FLAGS -> 0 : seen));
#ifndef NO_DRIVER_IRQ_BARRIER
		full_barrier(AVAIL);
#endif
		if
		:: seen != mem[USED] -> seen = WRAP(seen + 1)
		:: else -> irq; irq = false
		fi
	od
}

/* virtio_notify_queue. */
inline tell()
{
#ifndef NO_IRQ_BARRIER
	full_barrier(USED);
#endif
	wish = mem[DRIVER_WISH];
	if
	:: WANTED(wish, used, told) -> full_barrier(USED); irq = true
	:: else
	fi;
	told = used
}

active proctype device()
{
	byte next, used, told, wish, budget;
	bool kicks_off;

end_sleep:
	do
	:: next != used ->
		/* One that took its time, as a disk's does. */
		used = WRAP(used + 1);
		release_store(USED, used);
		tell()
	:: kick ->
		kick = false;
		budget = SIZE;
		do
		:: budget == 0 -> kick = true; break /* the turn was cut short: served again later */
		:: budget > 0 && mem[AVAIL] == next ->
			/* kicks_on, and true when there is something after all. */
			if
			:: MODE == FLAGS && kicks_off -> store(DEVICE_WISH, 0)
			:: MODE != FLAGS -> store(DEVICE_WISH, next)
			:: else
			fi;
			kicks_off = false;
#ifndef NO_KICK_BARRIER
			full_barrier(USED);
#endif
#ifndef NO_SECOND_LOOK
			if
			:: mem[AVAIL] == next -> break
			:: else
			fi
#else
			break
#endif
		:: budget > 0 && mem[AVAIL] != next ->
			assert(WRAP(mem[AVAIL] - next) <= SIZE);
			next = WRAP(next + 1);
			budget--;
			if
			:: MODE != EVENT && !kicks_off -> store(DEVICE_WISH, NEVER); kicks_off = true
			:: else
			fi;
			if
			:: used = WRAP(used + 1); release_store(USED, used)
			:: true
			fi
		od;
		if
		:: used != told -> tell()
		:: else
		fi
	od
}
