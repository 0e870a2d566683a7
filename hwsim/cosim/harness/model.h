// SPDX-License-Identifier: Apache-2.0
//
// What every harness shares: words of ports of any width, a clock, waveforms, errors.
// A model lives in one thread at a time; any number of models may run in parallel.

#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include "Vdut.h"
#include "verilated.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
using Waves = VerilatedFstC;
#elif VM_TRACE
#include "verilated_vcd_c.h"
using Waves = VerilatedVcdC;
#endif

namespace hwsim {

constexpr int64_t FAILED = -1;

// Verilator's own errors end the process unless they are caught here.
[[noreturn]] inline void fail(const std::string& message) { throw std::runtime_error(message); }

// Word i (32 bits) of a port; ports up to 64 bits are plain integers, wider ones are arrays.
template <class Port>
inline uint32_t word(const Port& port, int i) {
    return static_cast<uint32_t>(static_cast<uint64_t>(port) >> (32 * i));
}
template <std::size_t N>
inline uint32_t word(const VlWide<N>& port, int i) {
    return port[i];
}

template <class Port>
inline void load(Port& port, const uint32_t* words, int count) {
    uint64_t value = words[0];
    if (count > 1) value |= static_cast<uint64_t>(words[1]) << 32;
    port = static_cast<Port>(value);
}
template <std::size_t N>
inline void load(VlWide<N>& port, const uint32_t* words, int count) {
    for (int i = 0; i < count; ++i) port[i] = words[i];
}

// `count` (at most 32) bits from bit `first` on.
template <class Port>
inline uint32_t bits(const Port& port, int first, int count) {
    const int at = first / 32, shift = first % 32;
    uint64_t window = word(port, at);
    if (shift + count > 32) window |= static_cast<uint64_t>(word(port, at + 1)) << 32;
    return static_cast<uint32_t>((window >> shift) & ((uint64_t{1} << count) - 1));
}

inline int64_t extended(uint64_t value, int width) {
    return static_cast<int64_t>(value << (64 - width)) >> (64 - width);
}

// Random gaps and stalls; without a seed there are none.
class Pauses {
  public:
    explicit Pauses(uint64_t seed) : state_(seed), on_(seed != 0) {}
    bool pause() {
        if (!on_) return false;
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return (state_ & 3) == 0;
    }

  private:
    uint64_t state_;
    bool on_;
};

// A design with `clk_i` and `rst_ni`.
class Model {
  public:
    Model() : context_(new VerilatedContext), dut(prepared(context_.get())) {}
    virtual ~Model() {
#if VM_TRACE
        if (waves_) waves_->close();
#endif
        dut->final();
    }
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;

    void reset() {
        dut->rst_ni = 0;
        low();
        high();
        low();
        high();
        dut->rst_ni = 1;
        low();
        if (context_->gotFinish()) fail("the design refuses its parameters");
    }

    void record(const char* path) {
#if VM_TRACE
        waves_.reset(new Waves);
        dut->trace(waves_.get(), 99);
        waves_->open(path);
        if (!waves_->isOpen()) fail(std::string(path) + ": cannot be written");
#else
        fail(std::string(path) + ": this model was built without waveforms");
#endif
    }

  protected:
    // First half of a cycle: inputs settle, handshakes may be read.
    void low() {
        dut->clk_i = 0;
        dut->eval();
        dump();
    }
    // Second half: the rising edge.
    void high() {
        dut->clk_i = 1;
        dut->eval();
        dump();
    }

  private:
    static Vdut* prepared(VerilatedContext* context) {
        context->randReset(0);
#if VM_TRACE
        context->traceEverOn(true);
#endif
        return new Vdut(context, "dut");
    }
    void dump() {
#if VM_TRACE
        if (waves_) waves_->dump(time_);
        time_ += 1;
#endif
    }

    std::unique_ptr<VerilatedContext> context_;
#if VM_TRACE
    std::unique_ptr<Waves> waves_;
    uint64_t time_ = 0;
#endif

  protected:
    std::unique_ptr<Vdut> dut;
};

// What `work` gives; FAILED and a message if it throws.
template <class Work>
int64_t guarded(char* message, int64_t size, Work work) {
    try {
        return work();
    } catch (const std::exception& error) {
        std::snprintf(message, static_cast<std::size_t>(size), "%s", error.what());
        return FAILED;
    }
}

}  // namespace hwsim

void vl_fatal(const char* file, int line, const char* scope, const char* message) {
    hwsim::fail(std::string(file ? file : "") + ":" + std::to_string(line) + ": " +
                (scope ? scope : "") + ": " + (message ? message : ""));
}
