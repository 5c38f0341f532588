#include "amount.h"

bool amount_read(struct slice number, amount *to)
{
	const char *p = number.p, *end = number.p + number.n;
	bool minus = p < end && *p == '-';
	p += minus;
	size_t digits = (size_t)(end - p);
	if (digits == 0 || digits > 19 || (*p == '0' && digits > 1))
		return false;
	uint64_t value = 0; /* 19 digits fit */
	for (; p < end; p++) {
		unsigned digit = (unsigned)(*p - '0');
		if (digit > 9)
			return false;
		value = value * 10 + digit;
	}
	if (value > (uint64_t)INT64_MAX + minus)
		return false;
	*to = minus ? (amount)(0 - value) : (amount)value;
	return true;
}

bool amount_sum_read(struct slice text, amount_sum *to)
{
	const char *p = text.p, *end = text.p + text.n;
	bool minus = p < end && *p == '-';
	p += minus;
	size_t digits = (size_t)(end - p);
	if (digits == 0 || digits > 38 || (*p == '0' && (digits > 1 || minus)))
		return false;
	amount_sum value = 0; /* 38 digits fit */
	for (; p < end; p++) {
		unsigned digit = (unsigned)(*p - '0');
		if (digit > 9)
			return false;
		value = value * 10 + (int)digit;
	}
	*to = minus ? -value : value;
	return true;
}

size_t amount_write(char to[AMOUNT_TEXT], amount_sum sum)
{
	char digits[AMOUNT_TEXT];
	size_t n = 0, i = 0;
	bool minus = sum < 0;
	__extension__ unsigned __int128 value = (unsigned __int128)sum;
	if (minus)
		value = -value;
	while (value > UINT64_MAX) {
		digits[n++] = (char)('0' + (int)(value % 10));
		value /= 10;
	}
	for (uint64_t rest = (uint64_t)value; rest || n == 0; rest /= 10)
		digits[n++] = (char)('0' + (int)(rest % 10));
	if (minus)
		to[i++] = '-';
	while (n)
		to[i++] = digits[--n];
	to[i] = '\0';
	return i;
}

bool amount_narrow(amount_sum sum, int64_t *to)
{
	if (sum < INT64_MIN || sum > INT64_MAX)
		return false;
	*to = (int64_t)sum;
	return true;
}
