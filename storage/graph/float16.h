#ifndef GRAPHFEED_STORAGE_GRAPH_FLOAT16_H_
#define GRAPHFEED_STORAGE_GRAPH_FLOAT16_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace graphfeed {

// IEEE binary16, round to nearest even (in the processor's usual mode of rounding). NaNs become
// quiet and keep the top of their payload.
uint16_t Float16FromFloat(float value);
void Float16FromFloats(const float* values, size_t count, uint16_t* bits);
uint16_t Float16FromDouble(double value);  // rounded once, not through float
float FloatFromFloat16(uint16_t bits);     // exact; NaNs keep all that they have

// The ways in which Float16FromFloats can do it on this processor, the fastest last.
using Float16Conversion = void (*)(const float* values, size_t count, uint16_t* bits);
std::vector<Float16Conversion> AvailableFloat16Conversions();

// C++ leaves a conversion beyond float's range undefined; IEEE rounds it to infinity.
float FloatFromDouble(double value);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_GRAPH_FLOAT16_H_
