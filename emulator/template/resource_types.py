"""Which CloudFormation resources and properties are supported or have no local meaning. All others are refused."""

from __future__ import annotations

import re
from typing import NamedTuple

# Resources without a meaning on one machine: permissions, alarms and their topics, logs' retention, how to deploy.
IGNORED_TYPES = frozenset(
    {
        "AWS::ApiGateway::Account",
        "AWS::ApiGateway::Deployment",
        "AWS::ApiGateway::UsagePlan",
        "AWS::ApiGatewayV2::Deployment",
        "AWS::ApplicationInsights::Application",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::CodeDeploy::Application",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::KMS::Alias",
        "AWS::KMS::Key",
        "AWS::Lambda::LayerVersionPermission",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::Logs::MetricFilter",
        "AWS::ResourceGroups::Group",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    }
)


class Properties(NamedTuple):
    """Of a resource type: the properties that count here, and those that don't."""

    used: frozenset[str]
    ignored: frozenset[str]


def _properties(used: str, ignored: str = "") -> Properties:
    return Properties(frozenset(used.split()), frozenset(ignored.split()))


PROPERTIES = {
    "AWS::ApiGateway::RestApi": _properties(
        "Body MinimumCompressionSize",
        "Description DisableExecuteApiEndpoint EndpointConfiguration FailOnWarnings Name Parameters Policy Tags",
    ),
    "AWS::ApiGateway::Stage": _properties(
        "RestApiId StageName",
        "AccessLogSetting CacheClusterEnabled CacheClusterSize DeploymentId Description MethodSettings Tags"
        " TracingEnabled",
    ),
    "AWS::ApiGatewayV2::Api": _properties(
        "ProtocolType RouteSelectionExpression",
        "Description DisableExecuteApiEndpoint DisableSchemaValidation IpAddressType Name Tags",
    ),
    "AWS::ApiGatewayV2::Authorizer": _properties(
        "ApiId AuthorizerType AuthorizerUri IdentitySource Name", "AuthorizerCredentialsArn"
    ),
    "AWS::ApiGatewayV2::Integration": _properties(
        "ApiId IntegrationType IntegrationUri",
        "ConnectionType CredentialsArn Description IntegrationMethod PassthroughBehavior TimeoutInMillis",
    ),
    "AWS::ApiGatewayV2::Route": _properties(
        "ApiId AuthorizationType AuthorizerId RouteKey Target", "ApiKeyRequired OperationName"
    ),
    "AWS::ApiGatewayV2::Stage": _properties(
        "ApiId StageName",
        "AccessLogSettings AutoDeploy DefaultRouteSettings DeploymentId Description RouteSettings Tags",
    ),
    "AWS::Events::Rule": _properties("ScheduleExpression State Targets", "Description Name RoleArn Tags"),
    "AWS::Lambda::Alias": _properties("FunctionName Name", "Description FunctionVersion RoutingConfig"),
    "AWS::Lambda::EventSourceMapping": _properties(
        "BatchSize Enabled EventSourceArn FunctionName FunctionResponseTypes MaximumBatchingWindowInSeconds"
        " ScalingConfig",
        "KmsKeyArn MetricsConfig Tags",
    ),
    "AWS::Lambda::Function": _properties(
        "Code Environment FunctionName Handler Layers LoggingConfig MemorySize PackageType ReservedConcurrentExecutions"
        " Runtime Timeout",
        "Architectures CodeSigningConfigArn Description EphemeralStorage KmsKeyArn RecursiveLoop Role"
        " RuntimeManagementConfig SnapStart Tags TracingConfig VpcConfig",
    ),
    "AWS::Lambda::LayerVersion": _properties(
        "Content LayerName", "CompatibleArchitectures CompatibleRuntimes Description LicenseInfo"
    ),
    "AWS::Lambda::Version": _properties("FunctionName", "CodeSha256 Description RuntimePolicy"),
    "AWS::Scheduler::Schedule": _properties(
        "Name ScheduleExpression ScheduleExpressionTimezone State Target",
        "Description FlexibleTimeWindow GroupName KmsKeyArn",
    ),
    "AWS::SQS::Queue": _properties(
        "DelaySeconds MaximumMessageSize MessageRetentionPeriod QueueName ReceiveMessageWaitTimeSeconds RedrivePolicy"
        " VisibilityTimeout",
        "KmsDataKeyReusePeriodSeconds KmsMasterKeyId RedriveAllowPolicy SqsManagedSseEnabled Tags",
    ),
    "AWS::StepFunctions::StateMachine": _properties(
        "Definition DefinitionS3Location DefinitionString DefinitionSubstitutions StateMachineName StateMachineType",
        "EncryptionConfiguration LoggingConfiguration RoleArn Tags TracingConfiguration",
    ),
}

RESERVED_VARIABLES = re.compile(
    r"_HANDLER|_X_AMZN_TRACE_ID|AWS_(DEFAULT_)?REGION|AWS_EXECUTION_ENV|AWS_(ACCESS_KEY(_ID)?|SECRET_ACCESS_KEY"
    r"|SESSION_TOKEN)|AWS_LAMBDA_(FUNCTION_(NAME|MEMORY_SIZE|VERSION)|INITIALIZATION_TYPE|LOG_(GROUP|STREAM)_NAME"
    r"|RUNTIME_API)|LAMBDA_(TASK_ROOT|RUNTIME_DIR)"
)
