/* SPDX-License-Identifier: Apache-2.0 */
/* default_initrd.h in a build that has no guest init, because it cannot run a guest: the tree it describes names no initrd. */
#include "default_initrd.h"

int default_initrd_make(struct default_initrd *made, const struct options *options, const struct kernel *kernel,
	struct initrd *initrd, struct error *error)
{
	(void)made;
	(void)options;
	(void)kernel;
	(void)initrd;
	(void)error;
	return 0;
}

void default_initrd_free(struct default_initrd *made)
{
	(void)made;
}
