#pragma once

#include <functional>

#include "healthai/config.hpp"

namespace healthai {

/// The threads of an application that has its own: called with a piece of work, it runs it soon, on any thread but the
/// caller's, and returns at once. For a Qt, TBB or hand-made pool it is one line:
///
///     Executor executor = [&pool](std::function<void()> work) { pool.post(std::move(work)); };
///
/// It may be called from any thread. Work never throws.
using Executor = std::function<void(std::function<void()>)>;

}  // namespace healthai
