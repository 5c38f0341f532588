/* The main of every program that is one stage. */
#include "part.h"

int main(int argc, char **argv)
{
	struct options options;
	int status;
	options_start(&options, part_own.program, argc, argv);
	struct stream *stream = part_own.open(&options, &status);
	if (!stream)
		return status;
	status = stream_run(stream);
	if (part_own.close)
		part_own.close(stream);
	return status;
}
