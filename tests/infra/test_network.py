"""The data stack's network, database and tables, for every combination of their parameters."""

import itertools
import json
from typing import Any

import pytest

from infra.database import CONNECTIONS, CONNECTIONS_AFTER_A_DEPLOYMENT
from infra.intrinsics import broken_rules, parameter_values
from infra.packaging import DATA_TEMPLATE
from infra.stages import Stage
from infra.templates import read_template
from tests.infra.templates import decided, of_type, refused_values

DATA = read_template(DATA_TEMPLATE)

NETWORK = {"Network": "existing", "VpcId": "vpc-12345678", "SubnetIds": "subnet-12345678,subnet-87654321"}
DATABASE = {"Database": "existing", "DatabaseHost": "db.example", "DatabaseResourceId": "db-ABC"}
GROUP = {"DatabaseSecurityGroupId": "sg-12345678"}
SECRET = {"DatabaseAuthentication": "secret"}
PROXY = {"DatabaseProxy": "true"}
UNITS = dict.fromkeys(("SessionsReadUnits", "SessionsWriteUnits", "CallsReadUnits", "CallsWriteUnits"), "5")

PLACES: dict[str, dict[str, str]] = {
    "all of it": {},
    "with a proxy": PROXY,
    "a password": SECRET,
    "in a network": NETWORK,
    "in a network, with a proxy": NETWORK | PROXY,
    "in a network, a password": NETWORK | SECRET,
    "a database in a network": NETWORK | DATABASE | GROUP,
    "a database in a network, a password": NETWORK | DATABASE | GROUP | SECRET,
    "a database without a network": DATABASE | {"Network": "none"},
    "nothing but a password": {"Network": "none", "Database": "existing"} | SECRET,
}

FUNCTIONS = ("ProcessWebhooks", "LookUpOrder", "ManageEvents", "MigrateDatabase", "PurgeOldEvents")

PAID_BY_THE_HOUR = {
    "SecretsEndpoint",
    "SecretsEndpointSecurityGroup",
    "DatabaseProxyInstance",
    "DatabaseProxyTargets",
    "DatabaseProxyRole",
    "DatabaseProxySecurityGroup",
}
"""They hold nothing, and are made again by an update: kept, they would only cost."""

RULES = {"AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"}


def data(**parameters: str) -> dict[str, Any]:
    return decided(DATA, **parameters)


def rules_against(parameters: dict[str, str]) -> list[str]:
    return broken_rules(DATA, {"Stage": "dev"} | parameters)


@pytest.mark.parametrize("parameters", PLACES.values(), ids=PLACES)
def test_every_place_evaluates(parameters: dict[str, str]) -> None:
    assert (refused_values(DATA, **parameters), rules_against(parameters)) == ([], [])
    assert data(**parameters).keys() >= {"Resources", "Outputs"}


def test_every_combination_evaluates_or_is_refused_by_a_rule() -> None:
    """Places that a rule refuses are the only ones in which something is named that is not there."""
    taken = []
    for network, database, authentication, proxy, filled in itertools.product(
        ("create", "existing", "none"), ("create", "existing"), ("iam", "secret"), ("true", "false"), (True, False)
    ):
        named = NETWORK | DATABASE | GROUP if filled else {}
        choices = {
            "Network": network,
            "Database": database,
            "DatabaseAuthentication": authentication,
            "DatabaseProxy": proxy,
        }
        if not rules_against(named | choices):
            data(**named | choices)
            taken.append((network, database, authentication, proxy, filled))

    assert len(taken) == 14


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        (NETWORK | {"VpcId": ""}, "needs VpcId"),
        (NETWORK | {"SubnetIds": ""}, "needs SubnetIds"),
        ({"Network": "none"}, "can only be created in a network"),
        (DATABASE, "in a network that exists"),
        (NETWORK | DATABASE, "needs DatabaseSecurityGroupId"),
        (DATABASE | {"Network": "none", "DatabaseHost": ""}, "needs DatabaseHost"),
        (DATABASE | {"Network": "none", "DatabaseResourceId": ""}, "needs DatabaseResourceId"),
        (PROXY | SECRET, "A proxy stands before"),
        (UNITS | {"TablesBillingMode": "PROVISIONED", "CallsReadUnits": "0"}, "PROVISIONED needs"),
    ],
)
def test_what_does_not_fit_together_is_refused(parameters: dict[str, str], complaint: str) -> None:
    (broken,) = rules_against(parameters)

    assert complaint in broken


@pytest.mark.parametrize("value", ["subnet-12345678", "subnet-1,subnet-2,", "a,b"])
def test_an_existing_network_has_two_subnets(value: str) -> None:
    assert refused_values(DATA, **NETWORK | {"SubnetIds": value}) == ["SubnetIds"]


def test_there_is_no_way_out_of_the_network() -> None:
    kinds = {resource["Type"] for resource in DATA["Resources"].values()}

    assert not {kind for kind in kinds if "Gateway" in kind or kind in ("AWS::EC2::Route", "AWS::EC2::EIP")}
    assert all(subnet["MapPublicIpOnLaunch"] is False for subnet in of_type(data(), "AWS::EC2::Subnet").values())


def zones(**parameters: str) -> list[Any]:
    return [subnet["AvailabilityZone"] for subnet in of_type(data(**parameters), "AWS::EC2::Subnet").values()]


def test_the_network_is_in_two_zones() -> None:
    of_the_account = {"Fn::GetAZs": ""}
    named = {"Fn::Split": [",", {"Ref": "AvailabilityZones"}]}

    assert zones() == [{"Fn::Select": [0, of_the_account]}, {"Fn::Select": [1, of_the_account]}]
    assert zones(AvailabilityZones="us-east-1b,us-east-1d") == [{"Fn::Select": [0, named]}, {"Fn::Select": [1, named]}]


@pytest.mark.parametrize("value", ["", "us-east-1b,us-east-1d", "us-gov-west-1a,us-gov-west-1b"])
def test_two_zones_are_taken(value: str) -> None:
    assert refused_values(DATA, AvailabilityZones=value) == []


@pytest.mark.parametrize("value", ["us-east-1b", "us-east-1b,", "use1-az1,use1-az2", "a,b", "us-east-1a, us-east-1b"])
def test_other_than_two_zones_are_refused(value: str) -> None:
    assert refused_values(DATA, AvailabilityZones=value) == ["AvailabilityZones"]


def test_an_existing_network_is_left_as_it_is() -> None:
    for parameters in (NETWORK, NETWORK | SECRET, NETWORK | DATABASE | GROUP):
        kinds = {resource["Type"] for resource in data(**parameters)["Resources"].values()}
        assert not kinds & {"AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::RouteTable", "AWS::EC2::VPCEndpoint"}


def test_without_a_network_there_is_nothing_of_it() -> None:
    kinds = {resource["Type"] for resource in data(**PLACES["nothing but a password"])["Resources"].values()}

    assert {kind for kind in kinds if kind.startswith(("AWS::EC2::", "AWS::RDS::", "AWS::IAM::"))} == set()


def test_the_endpoint_of_s3_is_for_the_bodies_alone() -> None:
    endpoint = of_type(data(), "AWS::EC2::VPCEndpoint")["BodiesEndpoint"]
    (statement,) = endpoint["PolicyDocument"]["Statement"]

    assert endpoint["VpcEndpointType"] == "Gateway"
    assert set(statement["Action"]) == {"s3:GetObject", "s3:DeleteObject", "s3:ListBucket"}
    assert all("WebhookBodiesBucket" in json.dumps(resource) for resource in statement["Resource"])


def test_secrets_have_an_endpoint_only_where_there_is_one() -> None:
    assert set(of_type(data(), "AWS::EC2::VPCEndpoint")) == {"BodiesEndpoint"}

    endpoints = of_type(data(**SECRET), "AWS::EC2::VPCEndpoint")
    (statement,) = endpoints["SecretsEndpoint"]["PolicyDocument"]["Statement"]
    assert set(endpoints) == {"BodiesEndpoint", "SecretsEndpoint"}
    assert statement["Action"] == "secretsmanager:GetSecretValue"
    assert statement["Resource"]["Fn::Sub"].endswith("secret:frontdesk/${Stage}/database-??????")


def ways(template: dict[str, Any]) -> set[tuple[str, str, str, int]]:
    """Every rule of every security group: whose it is, in or out, whence or whither, the port."""
    found = set()
    for name, group in of_type(template, "AWS::EC2::SecurityGroup").items():
        for direction in ("Ingress", "Egress"):
            for rule in group.get(f"SecurityGroup{direction}", []):
                found.add((name, direction, _peer(rule), _port(rule)))
    for direction in ("Ingress", "Egress"):
        for rule in of_type(template, f"AWS::EC2::SecurityGroup{direction}").values():
            assert rule["FromPort"] == rule["ToPort"]
            found.add((_group(rule["GroupId"]), direction, _peer(rule), _port(rule)))
    return found


def _port(rule: dict[str, Any]) -> int:
    port = rule.get("FromPort", 0)
    return int(DATA["Parameters"][port["Ref"]]["Default"] if isinstance(port, dict) else port)


def _peer(rule: dict[str, Any]) -> str:
    for key in ("SourceSecurityGroupId", "DestinationSecurityGroupId"):
        if key in rule:
            return _group(rule[key])
    return str(rule["CidrIp"]) if "CidrIp" in rule else str(rule["DestinationPrefixListId"]["Ref"])


def _group(value: Any) -> str:
    return str(value["Fn::GetAtt"][0] if "Fn::GetAtt" in value else value["Ref"])


def test_functions_reach_the_database_and_s3_alone() -> None:
    assert ways(data(S3PrefixListId="pl-12345678")) == {
        ("FunctionsSecurityGroup", "Egress", "S3PrefixListId", 443),
        ("FunctionsSecurityGroup", "Egress", "DatabaseSecurityGroup", 5432),
        ("DatabaseSecurityGroup", "Ingress", "FunctionsSecurityGroup", 5432),
        ("DatabaseSecurityGroup", "Egress", "127.0.0.1/32", 0),
    }


def test_with_a_password_they_reach_its_secret_too() -> None:
    more = ways(data(S3PrefixListId="pl-12345678", **SECRET)) - ways(data(S3PrefixListId="pl-12345678"))

    assert more == {
        ("FunctionsSecurityGroup", "Egress", "SecretsEndpointSecurityGroup", 443),
        ("SecretsEndpointSecurityGroup", "Ingress", "FunctionsSecurityGroup", 443),
        ("SecretsEndpointSecurityGroup", "Egress", "127.0.0.1/32", 0),
    }


def test_with_a_proxy_they_reach_it_and_it_the_database() -> None:
    assert ways(data(**PROXY)) - ways(data()) == {
        ("FunctionsSecurityGroup", "Egress", "DatabaseProxySecurityGroup", 5432),
        ("DatabaseProxySecurityGroup", "Ingress", "FunctionsSecurityGroup", 5432),
        ("DatabaseProxySecurityGroup", "Egress", "DatabaseSecurityGroup", 5432),
        ("DatabaseSecurityGroup", "Ingress", "DatabaseProxySecurityGroup", 5432),
    }


def test_an_existing_database_lets_the_functions_in() -> None:
    found = ways(data(S3PrefixListId="pl-12345678", **NETWORK | DATABASE | GROUP))

    assert {way[:3] for way in found} == {
        ("FunctionsSecurityGroup", "Egress", "S3PrefixListId"),
        ("FunctionsSecurityGroup", "Egress", "DatabaseSecurityGroupId"),
        ("DatabaseSecurityGroupId", "Ingress", "FunctionsSecurityGroup"),
    }


def test_nobody_is_let_in_from_an_address() -> None:
    for parameters in PLACES.values():
        assert not [way for way in ways(data(**parameters)) if way[1] == "Ingress" and "/" in way[2]]


def test_the_database_is_private_encrypted_and_protected() -> None:
    (database,) = of_type(data(), "AWS::RDS::DBInstance").values()
    (group,) = of_type(data(), "AWS::RDS::DBParameterGroup").values()

    assert database["PubliclyAccessible"] is False
    assert database["StorageEncrypted"] is True
    assert database["DeletionProtection"] is True
    assert database["DeleteAutomatedBackups"] is False
    assert database["EnableIAMDatabaseAuthentication"] is True
    assert database["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in database
    assert database["AutoMinorVersionUpgrade"] is True
    assert database["DBParameterGroupName"] == {"Ref": "DatabaseParameters"}
    assert group["Parameters"]["rds.force_ssl"] == "1"
    assert group["Family"] == "postgres" + DATA["Parameters"]["DatabaseVersion"]["Default"].split(".")[0]
    assert int(DATA["Parameters"]["DatabaseBackupDays"]["MinValue"]) >= 1


def test_data_and_what_they_stand_in_outlive_the_stack() -> None:
    for name, resource in DATA["Resources"].items():
        policy = "Delete" if name in PAID_BY_THE_HOUR or resource["Type"] in RULES else "Retain"
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == (policy, policy), name
    assert DATA["Resources"].keys() >= PAID_BY_THE_HOUR


def test_the_proxy_may_connect_as_the_functions_role_and_nothing_else() -> None:
    template = data(**PROXY)
    (proxy,) = of_type(template, "AWS::RDS::DBProxy").values()
    (role,) = of_type(template, "AWS::IAM::Role").values()
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]

    assert (proxy["RequireTLS"], proxy["DefaultAuthScheme"]) == (True, "IAM_AUTH")
    assert "Auth" not in proxy
    assert statement["Action"] == "rds-db:connect"
    assert statement["Resource"]["Fn::Sub"].endswith(":dbuser:${DatabaseInstance.DbiResourceId}/${DatabaseUser}")


def test_a_password_is_made_up_where_one_is_needed() -> None:
    assert of_type(data(), "AWS::SecretsManager::Secret") == {}

    (secret,) = of_type(data(**SECRET), "AWS::SecretsManager::Secret").values()
    template = secret["GenerateSecretString"]["SecretStringTemplate"]["Fn::Sub"]
    assert secret["Name"] == {"Fn::Sub": "frontdesk/${Stage}/database"}
    filled = json.loads(template.replace("${DatabaseInstance.Endpoint.Port}", "5432"))
    assert filled.keys() == {"host", "port", "dbname", "username"}


def outputs_of(**parameters: str) -> dict[str, Any]:
    return {name: output["Value"] for name, output in data(**parameters)["Outputs"].items()}


def test_the_app_is_told_where_and_as_whom() -> None:
    outputs = outputs_of()
    proxied = outputs_of(**PROXY)

    assert outputs["DatabaseUrl"] == outputs["DatabaseDirectUrl"] == proxied["DatabaseDirectUrl"]
    assert proxied["DatabaseUrl"]["Fn::Sub"].startswith(
        "postgresql://${DatabaseUser}@${DatabaseProxyInstance.Endpoint}:"
    )
    assert outputs["DatabaseUserArn"] == outputs["DatabaseDirectUserArn"] == proxied["DatabaseDirectUserArn"]
    assert "DatabaseProxyInstance.DBProxyArn" in ".".join(
        proxied["DatabaseUserArn"]["Fn::Sub"][1]["Id"]["Fn::Select"][1]["Fn::Split"][1]["Fn::GetAtt"]
    )


@pytest.mark.parametrize("parameters", PLACES.values(), ids=PLACES)
def test_outputs_say_what_is_there(parameters: dict[str, str]) -> None:
    """What the app's stack decides by: whether there are subnets, and an address that takes tokens."""
    outputs = outputs_of(**parameters)
    values = parameter_values(DATA, {"Stage": "dev"} | parameters)

    assert ("FunctionSubnetIds" in outputs) == ("FunctionSecurityGroupId" in outputs)
    assert ("FunctionSubnetIds" in outputs) == (values["Network"] != "none")
    assert ("DatabaseUrl" in outputs) == (values["DatabaseAuthentication"] == "iam")
    assert ("DatabaseMasterSecretArn" in outputs) == (values["Database"] == "create")


IN_A_NETWORK = {
    "FunctionSubnetIds": "subnet-1,subnet-2",
    "FunctionSecurityGroupId": "sg-1",
    "DatabaseUrl": "postgresql://frontdesk@proxy:5432/frontdesk",
    "DatabaseUserArn": "arn:1",
    "DatabaseDirectUrl": "postgresql://frontdesk@db:5432/frontdesk",
    "DatabaseDirectUserArn": "arn:2",
}


Resources = dict[str, dict[str, Any]]


def resources_of(app: dict[str, Any], **parameters: str) -> Resources:
    found: Resources = decided(app, **parameters)["Resources"]
    return found


@pytest.fixture(scope="module")
def inside(app: dict[str, Any]) -> Resources:
    """The app's resources with a network and tokens."""
    return resources_of(app, **IN_A_NETWORK)


@pytest.fixture(scope="module")
def outside(app: dict[str, Any]) -> Resources:
    """The app's resources without a network, and with a secret."""
    return resources_of(app)


def test_outputs_of_the_data_stack_are_parameters_of_the_app(app: dict[str, Any]) -> None:
    outputs = dict.fromkeys(DATA["Outputs"], "x")
    given = Stage("dev").parameters_for("app", app["Parameters"], outputs=outputs, given={})

    assert given.keys() == {"Stage", *IN_A_NETWORK}


def test_the_functions_of_postgresql_and_no_others_are_in_the_network(inside: Resources, outside: Resources) -> None:
    def placed(resources: Resources) -> set[str]:
        return {name for name, resource in resources.items() if "VpcConfig" in resource.get("Properties", {})}

    assert placed(inside) == set(FUNCTIONS)
    assert placed(outside) == set()


def statements(resources: Resources, function: str) -> dict[str, dict[str, Any]]:
    (policy,) = resources[f"{function}Role"]["Properties"]["Policies"]
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_connects_with_a_token_or_reads_the_secret(
    inside: Resources, outside: Resources, function: str
) -> None:
    direct = "Direct" if function == "MigrateDatabase" else ""
    variables = inside[function]["Properties"]["Environment"]["Variables"]

    assert variables["DATABASE_URL"] == {"Ref": f"Database{direct}Url"}
    assert "DATABASE_URL" not in outside[function]["Properties"]["Environment"]["Variables"]
    connect = statements(inside, function)["ConnectToDatabase"]
    assert (connect["Action"], connect["Resource"]) == ("rds-db:connect", {"Ref": f"Database{direct}UserArn"})
    assert "ReadDatabaseSecret" not in statements(inside, function)
    assert "ConnectToDatabase" not in statements(outside, function)
    assert "ReadDatabaseSecret" in statements(outside, function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_lambda_may_make_interfaces_and_the_code_may_not(inside: Resources, outside: Resources, function: str) -> None:
    found = statements(inside, function)
    allowed = {
        action
        for sid in ("MakeInterfaces", "SeeInterfaces", "DeleteInterfaces")
        for action in ([found[sid]["Action"]] if isinstance(found[sid]["Action"], str) else found[sid]["Action"])
    }

    assert found["MakeInterfaces"]["Resource"][-1]["Fn::Sub"].endswith(":security-group/${FunctionSecurityGroupId}")
    denied = found["LeaveInterfacesToLambda"]
    assert (denied["Effect"], set(denied["Action"])) == ("Deny", allowed)
    arn = denied["Condition"]["ArnLike"]["lambda:SourceFunctionArn"]["Fn::Sub"]
    assert arn.endswith(":function:frontdesk-${Stage}-*")
    assert not {sid for sid in statements(outside, function) if "Interfaces" in sid}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_where_a_function_is_bounded_its_connections_are(app: dict[str, Any], function: str) -> None:
    """Those that no queue feeds are bounded by what they reserve."""
    properties = resources_of(app, ReserveConcurrency="true")[function]["Properties"]
    name = properties["FunctionName"]["Fn::Sub"].removeprefix("frontdesk-${Stage}-")
    bounds = [source["Properties"].get("ScalingConfig", {}) for source in properties.get("Events", {}).values()]
    maximum = [bound["MaximumConcurrency"] for bound in bounds if bound]
    reserved = [properties[key] for key in ("ReservedConcurrentExecutions",) if key in properties]

    assert {*maximum, *reserved} == {CONNECTIONS[name]}


MEMORY_GIB = {"db.t4g.micro": 1}
"""Of the smallest class; AWS's table of instance classes."""


def test_the_smallest_database_has_a_connection_for_each_function() -> None:
    """RDS's own formula, LEAST(DBInstanceClassMemory / 9531392, 5000), of which RDS keeps five for administrators.

    DBInstanceClassMemory is what the system and RDS's own programs leave: on the smallest class about three quarters.
    """
    smallest = DATA["Parameters"]["DatabaseInstanceClass"]["AllowedValues"][0]
    memory = MEMORY_GIB[smallest] * 2**30 * 3 // 4
    maximum = min(memory // 9_531_392, 5_000) - 5

    assert sum(CONNECTIONS.values()) == 29
    assert maximum >= CONNECTIONS_AFTER_A_DEPLOYMENT


def test_tables_are_paid_by_request_without_a_limit() -> None:
    for table in of_type(data(), "AWS::DynamoDB::Table").values():
        assert "ProvisionedThroughput" not in table
        assert "OnDemandThroughput" not in table


def test_tables_may_be_provisioned() -> None:
    tables = of_type(data(TablesBillingMode="PROVISIONED", **UNITS), "AWS::DynamoDB::Table")

    for name, table in tables.items():
        kind = name.removesuffix("Table")
        assert table["ProvisionedThroughput"] == {
            "ReadCapacityUnits": {"Ref": f"{kind}ReadUnits"},
            "WriteCapacityUnits": {"Ref": f"{kind}WriteUnits"},
        }
        assert "OnDemandThroughput" not in table


def test_tables_paid_by_request_may_have_a_limit() -> None:
    tables = of_type(data(SessionsWriteUnits="100"), "AWS::DynamoDB::Table")

    assert tables["SessionsTable"]["OnDemandThroughput"] == {"MaxWriteRequestUnits": {"Ref": "SessionsWriteUnits"}}
    assert "OnDemandThroughput" not in tables["CallsTable"]
