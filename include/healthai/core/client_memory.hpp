#pragma once

#include <string_view>

/// What clients that remember something from round to round, and the strategies that average it over all clients, call the
/// parts of a TrainReply (see ControlVariates and Scaffold, DynamicRegularisation and FedDyn).
///
/// A strategy keeps the sum over clients of num_examples times what each remembers. Only changes of it travel, so the server must
/// also learn how the total number of examples changes: 1 and its rows from a client that contributes for the first time, 0
/// and by how much its rows have changed afterwards.
namespace healthai::client_memory {

inline constexpr std::string_view control_variate = "control_variate";  ///< extra vector: the change of c_i
inline constexpr std::string_view new_clients = "memory/clients";       ///< number: 1 the first time
inline constexpr std::string_view new_examples = "memory/examples";  ///< number: rows now, less rows before

}  // namespace healthai::client_memory
