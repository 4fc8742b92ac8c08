#ifndef LP_NODE_INGEST_RTMP_NAME_H
#define LP_NODE_INGEST_RTMP_NAME_H
#include <stddef.h>
struct err;

/*
 * What stream an RTMP client means.  Clients cut rtmp://host/live/NAME/KEY?key=KEY
 * into app, tcUrl and stream name in different places, and some URL-encode the
 * name: so app and name are joined again, cut at slashes, and the key is looked
 * for in every query.  Pure.
 */
#define RTMP_NAME_MAX 128	/* of app and name */
#define RTMP_KEY_MAX 512
#define RTMP_URL_MAX 1024	/* of each string a client sends */

struct rtmp_name {
	char app[RTMP_NAME_MAX + 1];
	char name[RTMP_NAME_MAX + 1];	/* [A-Za-z0-9_-]{1,128} */
	char key[RTMP_KEY_MAX + 1];	/* "" when none */
};

/*
 * app, tc_url, name: as the client sent them; "" when absent.  The key is, first
 * found: key= in the query of name, app, tc_url; else the path behind NAME.
 * Fails with ERR_INVALID (no stream name, a character outside the set, a broken
 * escape) or ERR_LIMIT (too long); the text never holds the key.
 */
int rtmp_name_parse(struct rtmp_name *n, const char *app, const char *tc_url, const char *name,
		    struct err *err);

#endif
