/* SPDX-License-Identifier: Apache-2.0 */
/* replay FILE: a recording on the machine it was made on, as minivmm-fuzz replay has it. */
#include "fuzz/tool.h"

int main(int argc, char **argv)
{
	return tool_replay(argc, argv);
}
