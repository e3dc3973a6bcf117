#pragma once

/// \file
/// Names without definitions, for headers that only mention them. Nearly free to include.

#include "healthai/config.hpp"

namespace healthai {

// core
class Error;
class ErrorId;
class ClientId;
class Layout;
class Metrics;
class RateSchedule;
class Stream;
struct Failure;
struct Metric;
struct ObjectiveParts;
struct RoundId;
struct Tensor;
template <class Scalar>
struct LocalObjective;
template <class Scalar>
struct Summand;
template <class Broadcast>
struct Request;
template <class Scalar>
struct TrainBroadcast;
template <class Scalar>
struct TrainReply;
template <class Scalar>
struct EvaluateBroadcast;
struct EvaluateReply;
template <class Scalar>
struct Train;
template <class Scalar>
struct Evaluate;

// compression
struct CompressedUpdate;
struct Compression;
struct Int8;
struct Qsgd;
struct RandomK;
struct Sign;
struct TopK;

// client
struct DittoTraining;
struct LocalTraining;
class TaskHandlers;

// aggregation, strategy
struct WeightedMean;
struct ReproducibleMean;
struct Bulyan;
struct CenteredClipping;
struct CoordinateSlice;
struct GeometricMedian;
struct Krum;
struct MeanOfClosest;
struct Median;
struct MultiKrum;
struct NormBoundedMean;
struct TrimmedMean;
template <class Scalar>
struct Update;
template <class Scalar>
struct RoundAggregate;
template <class Aggregator>
struct BasicFedAdagrad;
template <class Aggregator>
struct BasicFedAdam;
template <class Aggregator>
struct BasicFedAvg;
template <class Aggregator>
struct BasicFedAvgM;
template <class Aggregator>
struct BasicFedDyn;
template <class Aggregator>
struct BasicFedNova;
template <class Aggregator>
struct BasicFedProx;
template <class Aggregator>
struct BasicFedYogi;
template <class Aggregator>
struct BasicQFedAvg;
template <class Aggregator>
struct BasicScaffold;
using FedAdagrad = BasicFedAdagrad<WeightedMean>;
using FedAdam = BasicFedAdam<WeightedMean>;
using FedAvg = BasicFedAvg<WeightedMean>;
using FedAvgM = BasicFedAvgM<WeightedMean>;
using FedDyn = BasicFedDyn<WeightedMean>;
using FedNova = BasicFedNova<WeightedMean>;
using FedProx = BasicFedProx<WeightedMean>;
using FedYogi = BasicFedYogi<WeightedMean>;
using QFedAvg = BasicQFedAvg<WeightedMean>;
using Scaffold = BasicScaffold<WeightedMean>;

// transport
class InProcess;
struct InProcessOptions;
struct RelayOptions;
struct RelaysOptions;
template <class Transport>
class Relays;

// server
struct Buffered;
struct EarlyStopping;
struct EvaluationOptions;
struct EvaluationReport;
struct FederationOptions;
struct RoundReport;
struct Synchronous;
template <class Scalar>
struct Outcome;
template <class Strategy, class Transport, class Scalar>
class Federation;

// data
class Table;
struct DesignMatrix;
struct Scaling;
struct Site;

}  // namespace healthai
