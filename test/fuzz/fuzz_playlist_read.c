/* Somebody else's media playlist: what is read is within its bounds, nothing leaks. */
#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "media/wire/playlist_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct media_playlist p;
	struct err err = { 0 };
	size_t i, n;

	if (media_playlist_parse(&p, (const char *)data, len, &err) < 0) {
		assert(err.code == ERR_INVALID || err.code == ERR_LIMIT);
		assert(err.msg[0] && !p.item && !p.map);
		return 0;
	}
	assert(p.n > 0 && p.n <= MEDIA_PLAYLIST_ITEMS_MAX);
	for (i = 0; i < p.n; i++) {
		n = strlen(p.item[i].uri);
		assert(n > 0 && n <= MEDIA_PLAYLIST_URI_MAX);
		assert(!p.item[i].map || (*p.item[i].map && strlen(p.item[i].map) <= MEDIA_PLAYLIST_URI_MAX));
		assert(p.item[i].duration_90k >= 0 && p.item[i].duration_90k <= INT64_C(3601) * 90000);
	}
	media_playlist_fini(&p);
	return 0;
}
