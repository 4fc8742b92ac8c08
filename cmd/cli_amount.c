/* Amounts as people write and read them.  Whole numbers only, never a double. */
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "cmd/cli.h"

#define DECIMALS 18
#define GWEI_DECIMALS 9
#define SHOWN 6			/* digits behind the point, for people */
#define PERC_DECIMALS 4		/* a million is 100 % */
#define PERC_MAX 1000000

struct unit {
	const char *name;
	unsigned decimals;
	bool lpt, eth;		/* what it may be a unit of */
};
static const struct unit units[] = {
	{ "LPT", DECIMALS, true, false }, { "LPTU", 0, true, false },
	{ "ETH", DECIMALS, false, true }, { "gwei", GWEI_DECIMALS, false, true },
	{ "wei", 0, true, true },
};

static const char *name_of(enum cli_unit unit)
{
	return unit == UNIT_LPT ? "LPT" : "ETH";
}

static int refuse(const char *text, enum cli_unit unit, struct err *err)
{
	return err_set(err, ERR_INVALID, "\"%.40s\" is no amount of %s: write it like %s", text, name_of(unit),
		       unit == UNIT_LPT ? "100, 1.5 LPT or 5 wei" : "2, 0.01 ETH, 20 gwei or 5 wei");
}

static const struct unit *find_unit(const char *word, size_t len, enum cli_unit unit)
{
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) == len && strncasecmp(units[i].name, word, len) == 0 &&
		    (unit == UNIT_LPT ? units[i].lpt : units[i].eth))
			return &units[i];
	}
	return NULL;
}

int cli_amount(struct u256 *wei, const char *text, enum cli_unit unit, struct err *err)
{
	const char *name = name_of(unit), *s = text, *word;
	char number[2 * U256_DEC_MAX];
	const struct unit *u;
	size_t len, n_word;

	s += strspn(s, " ");
	len = strspn(s, "0123456789.");
	word = s + len + strspn(s + len, " ");
	n_word = strcspn(word, " ");
	u = n_word ? find_unit(word, n_word, unit) : find_unit(name, strlen(name), unit);
	if (len == 0 || !u || word[n_word + strspn(word + n_word, " ")])
		return refuse(text, unit, err);
	if (len >= sizeof(number))
		return err_set(err, ERR_LIMIT, "\"%.40s...\" does not fit in 256 bits", text);
	memcpy(number, s, len);
	number[len] = '\0';
	return u256_parse_fixed(wei, number, u->decimals, err);
}

/* Cuts behind `shown` digits and the zeros before that. */
static void cut_digits(char *number, size_t shown)
{
	char *point = strchr(number, '.');
	size_t len;

	if (!point)
		return;
	len = strlen(point + 1);
	if (len > shown)
		len = shown;
	while (len > 0 && point[len] == '0')
		len--;
	point[len ? len + 1 : 0] = '\0';
}

static char *fmt_cut(char to[100], const struct u256 *wei, unsigned decimals, const char *unit)
{
	char number[U256_DEC_MAX + 3];

	u256_fmt_fixed(number, wei, decimals);
	cut_digits(number, SHOWN);
	if (strcmp(number, "0") == 0 && !u256_is_zero(wei))
		strcpy(number, "<0.000001");
	snprintf(to, 100, "%s %s", number, unit);
	return to;
}

char *cli_fmt_amount(char to[100], const struct u256 *wei, enum cli_unit unit)
{
	return fmt_cut(to, wei, DECIMALS, name_of(unit));
}

char *cli_fmt_exact(char to[100], const struct u256 *wei, enum cli_unit unit)
{
	char number[U256_DEC_MAX + 3];

	u256_fmt_fixed(number, wei, DECIMALS);
	snprintf(to, 100, "%s %s", number, name_of(unit));
	return to;
}

char *cli_fmt_gwei(char to[100], const struct u256 *wei)
{
	return fmt_cut(to, wei, GWEI_DECIMALS, "gwei");
}

char *cli_fmt_perc(char to[32], uint64_t perc)
{
	char number[U256_DEC_MAX + 3];
	struct u256 v = u256_of(perc);

	u256_fmt_fixed(number, &v, PERC_DECIMALS);
	snprintf(to, 32, "%.30s%%", number);
	return to;
}

int cli_perc(uint64_t *perc, const char *text, struct err *err)
{
	size_t len = strspn(text, "0123456789.");
	const char *sign = text + len + strspn(text + len, " ");
	struct u256 v;
	char number[16];

	if (len == 0 || len >= sizeof(number) || (*sign && strcmp(sign, "%") != 0))
		return err_set(err, ERR_INVALID, "\"%.40s\" is no percentage: write it like 12.5%%", text);
	memcpy(number, text, len);
	number[len] = '\0';
	if (u256_parse_fixed(&v, number, PERC_DECIMALS, err) < 0)
		return -1;
	if (!u256_to_u64(perc, &v) || *perc > PERC_MAX)
		return err_set(err, ERR_INVALID, "\"%.40s\" is more than 100%%", text);
	return 0;
}
