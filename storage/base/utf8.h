#ifndef GRAPHFEED_STORAGE_BASE_UTF8_H_
#define GRAPHFEED_STORAGE_BASE_UTF8_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace graphfeed {

// Where the first byte stands that is not part of a well-formed UTF-8 sequence (RFC 3629: no
// overlong forms, no surrogates, nothing above U+10FFFF); npos if the text is UTF-8.
size_t FindInvalidUtf8(absl::string_view text);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_BASE_UTF8_H_
