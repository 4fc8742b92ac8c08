#ifndef LP_CMD_BENCH_H
#define LP_CMD_BENCH_H

/*
 * `lpnode bench`: transcodes a source in many sessions at once and tells how many of
 * them this machine carries.  Arguments, CSV and table are those of livepeer_bench.
 * argv[0]: "bench".  Returns the exit code: 0; 1 the machine, a segment failed or a
 * signal came; 2 the command line or the source.
 */
int bench_main(int argc, char **argv);

#endif
