/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kick on its way through the loop (devices/core/loop.c, devices/virtio/virtio_kick.c): a driver rings a doorbell at any
 * moment, also while the loop serves, while it has collected and waits for the lock, and while the queue's source is taken
 * off the loop and put back. Proved: what was made available is taken in the end, and no source is served after it was
 * deleted. What a kick is for, wishes and barriers, is in notify.pml: here the driver kicks each time.
 *
 * The kernel's part: an eventfd's write sets the count, then puts the watching epoll item on the ready list, both inside
 * the eventfd's lock; epoll_wait takes the item off, then looks at the count, inside the epoll's mutex; a level-triggered item
 * that was ready goes back on the list; KVM's ioeventfd is gone, and nobody is still in it, when its removal returns.
 *
 * Each name in an #ifdef is a mutant, which has to fail.
 */
#define KICKS 3
#define BATCH 2

#define NONE  0
#define KICK  1
#define OTHER 2 /* some level-triggered source, whose handler may stop and start the queue */

/* The kernel. */
bool wqh, ep; /* the eventfd's lock, the epoll's mutex */
bool count, watched, ready; /* of the kick's eventfd: not 0; it has an epoll item; which is on the ready list */
bool other_count, other_ready;
bool bell, in_bell; /* the ioeventfd; somebody is in it */

/* The monitor. */
bool lock; /* the machine lock */
bool on_loop; /* kick->active, and its source is among loop->edges */
bool held, stale;
bool last; /* from now on the device is not held any more */
byte batch[BATCH], batch_count, batch_next; /* loop->batch and how much of it is to be served */
byte found, kept; /* how much of it the kernel filled */
byte made, taken; /* chains */

inline take(l) { atomic { !l -> l = true } }
inline leave(l) { l = false }

inline write_kick()
{
	take(wqh);
	count = true;
	if
	:: watched -> ready = true
	:: else
	fi;
	leave(wqh)
}

/* virtio_serve, with one chain a turn: the second pop finds the budget used up and says "more". */
inline serve()
{
	if
	:: !held && taken < made ->
		taken++;
#ifndef NO_KICK_FOR_MORE
		if
		:: on_loop -> write_kick()
		:: else
		fi
#endif
	:: else
	fi
}

inline loop_add()
{
	take(ep);
	take(wqh);
	watched = true;
	leave(wqh);
	if
	:: count -> ready = true
	:: else
	fi;
	leave(ep)
}

inline loop_del()
{
	stale = true;
	take(ep);
	take(wqh);
	watched = false;
	ready = false;
	leave(wqh);
	leave(ep);
#ifndef BATCH_NOT_CLEARED
	d_step {
		i = batch_next;
		do
		:: i < batch_count ->
			if
			:: batch[i] == KICK -> batch[i] = NONE
			:: else
			fi;
			i++
		:: else -> break
		od
	}
#endif
}

/* virtio_start_ioeventfd. */
inline start()
{
	if
	:: !on_loop ->
		loop_add();
		on_loop = true;
		bell = true
	:: else
	fi;
#ifndef NO_KICK_AT_START
	write_kick()
#endif
}

/* virtio_stop_ioeventfd. */
inline stop()
{
	if
	:: on_loop ->
		bell = false;
		!in_bell;
		loop_del();
		on_loop = false;
		if
		:: count -> count = false; serve()
		:: else
		fi
	:: else
	fi
}

/* What another thread, or a handler, may do with the lock: a snapshot's pause, a hold (PCI bus mastering), a BAR that moves. */
inline change()
{
	if
	:: skip -> stop(); start()
	:: !last -> stop(); held = true
	:: on_loop -> bell = false; !in_bell; bell = true
	fi
}

active proctype driver()
{
	byte n;

	do
	:: n < KICKS ->
		n++;
		made++;
		in_bell = true;
		if
		:: bell -> write_kick(); in_bell = false
		:: else ->
			/* An exit: virtio_queue_notify. */
			in_bell = false;
			take(lock);
			if
			:: on_loop && !held -> write_kick()
			:: else
			fi;
			leave(lock)
		fi
	:: else -> break
	od;
	/* Never, if a kick was lost: an invalid end state. */
	taken == made
}

active proctype control()
{
	byte i;

	take(lock);
	change();
	leave(lock);
	/* Held and let go by two calls, with whatever happens in between. */
	take(lock);
	stop();
	held = true;
	leave(lock);
	take(lock);
	last = true;
	held = false;
	start();
	leave(lock)
}

active proctype signaller()
{
	/* Whatever the other source is: its eventfd is never deleted. */
	other_count = true;
	other_ready = true
}

inline collect_kick()
{
	if
	:: ready && found < BATCH ->
		ready = false;
		if
		:: count -> batch[found] = KICK; found++
		:: else
		fi
	:: else
	fi
}

inline collect_other()
{
	if
	:: other_ready && found < BATCH ->
		other_ready = false;
		if
		:: other_count -> batch[found] = OTHER; found++; other_ready = true
		:: else
		fi
	:: else
	fi
}

/* epoll_wait without a wait, behind what is in the batch. */
inline collect()
{
	take(ep);
	if
	:: skip -> collect_kick(); collect_other()
	:: skip -> collect_other(); collect_kick()
	fi;
	leave(ep)
}

/* What was collected without the lock, and a source was deleted meanwhile. */
inline collect_again()
{
	kept = 0;
	i = 0;
	do
	:: i < found ->
		if
#ifndef LOSE_COLLECTED
#ifdef SERVE_DELETED
		:: batch[i] == KICK -> batch[kept] = KICK; kept++
#else
		:: batch[i] == KICK && on_loop -> batch[kept] = KICK; kept++
#endif
#endif
		:: else
		fi;
		i++
	:: else -> break
	od;
	found = kept;
	collect()
}

active proctype loop()
{
	byte i;

	take(lock);
	start();
	leave(lock);
	do
	:: take(lock);
		if
		:: /* wait_and_collect: what the kernel writes is the loop's when it has the lock again. */
			stale = false;
			leave(lock);
			do
			:: found == 0 ->
end_wait:			ready || other_ready;
				collect()
			:: else -> break
			od;
			take(lock);
			if
#ifndef IGNORE_STALE
			:: stale -> collect_again()
#endif
			:: else
			fi
		:: /* A timer is armed: wait_ready, then collect with the lock. */
			leave(lock);
end_poll:		ready || other_ready;
			take(ep);
			if
			:: ready && !count -> ready = false
			:: else
			fi;
			leave(ep);
			take(lock);
			collect()
		fi;
		batch_count = found;
		batch_next = 0;
		found = 0;
		do
		:: batch_next < batch_count ->
			batch_next++;
			if
			:: batch[batch_next - 1] == KICK ->
				assert(on_loop);
				serve();
#ifdef READ_AFTER
				count = false
#endif
			:: batch[batch_next - 1] == OTHER ->
				other_count = false;
				change()
			:: else
			fi
		:: else -> break
		od;
		batch_count = 0;
		batch_next = 0;
		leave(lock)
	od
}
