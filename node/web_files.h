#ifndef LP_NODE_WEB_FILES_H
#define LP_NODE_WEB_FILES_H
#include <stddef.h>

/*
 * The files of the player page, inside the program: node/web/ and hls.js.
 * build/node/web_data.c is made by scripts/embed.sh.
 */
struct web_file {
	const char *path;		/* "app.js": below /web/; "index.html" is / */
	const char *type;		/* Content-Type */
	const unsigned char *data, *end;	/* end - data bytes, then one 0 */
	const char *etag;		/* with its quotes; changes with the bytes */
};
extern const struct web_file web_files[];
extern const size_t n_web_files;

#endif
