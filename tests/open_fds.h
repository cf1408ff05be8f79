/* SPDX-License-Identifier: Apache-2.0 */
/* How many descriptors this process has open, for tests of what is closed again. Not which. */
#ifndef MINIVMM_TEST_OPEN_FDS_H
#define MINIVMM_TEST_OPEN_FDS_H

#include <dirent.h>

static inline unsigned int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

#endif
