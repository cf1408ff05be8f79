/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restartable sequences (rseq(2)). The C library asks the kernel for them on behalf of each thread, and the kernel then writes down
 * on which CPU the thread is each time it comes back to user space from another task: some hundred instructions of each of the
 * two switches that a guest's request takes. Nobody here wants to know.
 */
#ifndef MINIVMM_RSEQ_H
#define MINIVMM_RSEQ_H

/* For the calling thread, and for those it starts: the C library does for them as was done for it. It does not matter whether it works. */
void rseq_leave(void);

#endif
