#pragma once

#include "healthai/core/task.hpp"
#include "healthai/secagg/tasks.hpp"

namespace healthai::secagg {

/// Names the steps of secure sums of these tasks to whoever serves a client of `secure_handlers`: a Node or a TaskService (which then answers
/// them over a network), or an MpiTransport on a rank other than 0 (which serves them until rank 0 is done, and does nothing else).
///
///     Node node{id, secagg::secure_handlers<Train<double>>(TaskHandlers::of(client), self), options};
///     secagg::serve_secure<Train<double>>(node);
///     serve(node, coordinator);
///
/// \tparam Tasks  those that `secure_handlers` was given
/// \throws what `server.serve_task` or `server.serve` throws
template <AdditiveTask... Tasks, class Server>
void serve_secure(Server& server) {
  static_assert(sizeof...(Tasks) > 0,
                "healthai: name the tasks whose replies are to be summed, such as Train<double>");
  if constexpr (requires { server.template serve_task<ShareSecrets>(); }) {
    (static_cast<void>(server.template serve_task<Advertise<Tasks>>()), ...);
    server.template serve_task<ShareSecrets>();
    server.template serve_task<HandIn>();
    server.template serve_task<Confirm>();
    server.template serve_task<Release>();
  } else {
    server.template serve<Advertise<Tasks>..., ShareSecrets, HandIn, Confirm, Release>();
  }
}

}  // namespace healthai::secagg
