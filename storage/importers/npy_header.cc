#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/importers/npy_file.h"

namespace graphfeed {
namespace {

constexpr absl::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxDimensions = 32;  // numpy's own limit
constexpr size_t kShownBytes = 60;     // of a header that cannot be understood

absl::Status Broken(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the .npy header ", what));
}

// A cursor over the header's text: a Python dict of a string, a bool and a tuple of integers.
class DictReader {
 public:
  explicit DictReader(absl::string_view text) : rest_(text) {}

  void SkipSpace() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }

  bool Take(char c) {
    SkipSpace();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool AtEnd() {
    SkipSpace();
    return rest_.empty();
  }

  absl::string_view Shown() const { return rest_.substr(0, kShownBytes); }

  std::optional<absl::string_view> String() {
    SkipSpace();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return std::nullopt;
    const size_t end = rest_.find(rest_[0], 1);
    if (end == absl::string_view::npos) return std::nullopt;
    const absl::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }

  // A run of letters and digits.
  absl::string_view Word() {
    SkipSpace();
    size_t length = 0;
    while (length < rest_.size() && absl::ascii_isalnum(rest_[length])) ++length;
    const absl::string_view word = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return word;
  }

 private:
  absl::string_view rest_;
};

absl::StatusOr<DType> ParseDescr(absl::string_view descr) {
  const auto refuse = [&](absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("the array has numpy type '", descr, "': ", why));
  };
  if (descr.size() < 3) return refuse("unknown");
  const char order = descr[0];
  const absl::string_view type = descr.substr(1);
  if (order != '<' && order != '>' && order != '|' && order != '=') return refuse("unknown");
  if (order == '>' && type != "i1" && type != "u1" && type != "b1") {
    return refuse("big-endian arrays are not read; save a.astype(a.dtype.newbyteorder('<'))");
  }
  if (type == "b1") return DType::kBool;
  if (type == "u1") return DType::kUint8;
  if (type == "i1") return DType::kInt8;
  if (type == "i2") return DType::kInt16;
  if (type == "i4") return DType::kInt32;
  if (type == "i8") return DType::kInt64;
  if (type == "f2") return DType::kFloat16;
  if (type == "f4") return DType::kFloat32;
  if (type == "f8") return DType::kFloat64;
  if (type == "u2" || type == "u4" || type == "u8") {
    return refuse("of the unsigned types only uint8 is kept; save a.astype('int64')");
  }
  return refuse("kept are bool, uint8, int8 to int64 and float16 to float64");
}

absl::Status ParseShape(DictReader& reader, NpyHeader& header) {
  if (!reader.Take('(')) return Broken("has a shape that is no tuple");
  while (!reader.Take(')')) {
    absl::string_view digits = reader.Word();
    if (!digits.empty() && digits.back() == 'L') digits.remove_suffix(1);  // Python 2
    int64_t dim = 0;
    if (!absl::SimpleAtoi(digits, &dim) || dim < 0) {
      return Broken(
          absl::StrCat("has a dimension that is no number, before '", reader.Shown(), "'"));
    }
    if (header.shape.size() == kMaxDimensions) {
      return Broken(absl::StrCat("has more than ", kMaxDimensions, " dimensions"));
    }
    header.shape.push_back(dim);
    if (!reader.Take(',')) {
      if (!reader.Take(')')) return Broken("has a shape without its ')'");
      break;
    }
  }
  for (const int64_t dim : header.shape) {
    if (__builtin_mul_overflow(header.num_elements, dim, &header.num_elements)) {
      return Broken("promises more than 2^63 elements");
    }
  }
  return absl::OkStatus();
}

absl::Status ParseDict(absl::string_view text, NpyHeader& header) {
  DictReader reader(text);
  if (!reader.Take('{')) return Broken("holds no dict");
  bool has_descr = false;
  bool has_order = false;
  bool has_shape = false;
  while (!reader.Take('}')) {
    const std::optional<absl::string_view> key = reader.String();
    if (!key.has_value() || !reader.Take(':')) {
      return Broken(absl::StrCat("is not understood at '", reader.Shown(), "'"));
    }
    if (*key == "descr" && !has_descr) {
      const std::optional<absl::string_view> descr = reader.String();
      if (!descr.has_value()) {
        return absl::InvalidArgumentError(
            "the array is structured; save one array for each of its fields");
      }
      GF_ASSIGN_OR_RETURN(header.dtype, ParseDescr(*descr));
      has_descr = true;
    } else if (*key == "fortran_order" && !has_order) {
      const absl::string_view word = reader.Word();
      if (word != "True" && word != "False") return Broken("has a fortran_order that is no bool");
      header.fortran_order = word == "True";
      has_order = true;
    } else if (*key == "shape" && !has_shape) {
      GF_RETURN_IF_ERROR(ParseShape(reader, header));
      has_shape = true;
    } else {
      return Broken(absl::StrCat("has the key '", key->substr(0, kShownBytes),
                                 "' twice or should not have it"));
    }
    if (!reader.Take(',')) {
      if (!reader.Take('}')) return Broken("has a dict without its '}'");
      break;
    }
  }
  if (!reader.AtEnd())
    return Broken(absl::StrCat("goes on after its dict: '", reader.Shown(), "'"));
  if (!has_descr || !has_order || !has_shape) {
    return Broken("lacks one of descr, fortran_order and shape");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view bytes) {
  const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(bytes[i])); };
  if (bytes.size() < kMagic.size() + 2 || bytes.substr(0, kMagic.size()) != kMagic) {
    return absl::InvalidArgumentError("this is no .npy file: it does not begin with \\x93NUMPY");
  }
  const size_t version = byte(6);
  if (version < 1 || version > 3 || byte(7) != 0) {
    return Broken(absl::StrCat("has version ", version, ".", byte(7),
                               "; versions 1.0, 2.0 and 3.0 are read"));
  }
  const size_t length_bytes = version == 1 ? 2 : 4;
  const size_t text_offset = kMagic.size() + 2 + length_bytes;
  if (bytes.size() < text_offset) return Broken("is cut off");
  size_t length = 0;
  for (size_t i = 0; i < length_bytes; ++i) length |= byte(8 + i) << (8 * i);
  if (length > kMaxNpyHeaderBytes - text_offset) {
    return Broken(
        absl::StrCat("has ", length, " bytes; the limit is ", kMaxNpyHeaderBytes - text_offset));
  }
  if (bytes.size() < text_offset + length) return Broken("is cut off");
  NpyHeader header;
  header.data_offset = static_cast<int64_t>(text_offset + length);
  GF_RETURN_IF_ERROR(ParseDict(bytes.substr(text_offset, length), header));
  return header;
}

}  // namespace graphfeed
