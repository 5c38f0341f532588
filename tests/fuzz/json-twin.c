/* The reader without SSE2, under names of its own (its struct json_value too, of the same layout). */
#define JSON_SCALAR
#define json_value    twin_value
#define json_string   twin_string
#define json_unescape twin_unescape
#define json_quote    twin_quote
#define json_utf8     twin_utf8
#include "../../common/json.c"
