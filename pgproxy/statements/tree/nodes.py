"""The fields of every node of an analysed query, in the order each server version prints them.

A table and nothing else: the reader (`reader`) follows it field by field, so what is not here closes. Utility
statements and raw parse nodes are left out on purpose. Written down from the node headers of PostgreSQL 15 to 18
(`nodes/primnodes.h`, `nodes/parsenodes.h`, `nodes/outfuncs.c`) and checked against trees recorded from each server.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final, Literal, NamedTuple, get_args

Kind = Literal[
    "int",  # numbers, enums, type modifiers, locations
    "bool",
    "name",  # a string; names decide nothing
    "char",
    "word",  # and, or, not
    "bits",  # a set of numbers
    "datum",  # a constant's bytes
    "node",  # a node, a list or nothing
    "oid",  # of a kind that needs no catalog row here: collations, roles, operator classes, constraints
    "relation",
    "function",
    "operator",
    "type",
    "types",  # a list of OIDs
    "operators",
]
KINDS: Final = frozenset(get_args(Kind))
VERSIONS: Final = (15, 16, 17, 18)
TABLE_ENTRY: Final = "RANGETBLENTRY"


class Field(NamedTuple):
    token: bytes
    """As printed: b":varno"."""
    name: str
    kind: Kind


Layout = tuple[Field, ...]

_NODES: Final = """
AGGREF aggfnoid:function aggtype:type aggcollid:oid inputcollid:oid aggtranstype:type aggargtypes:types
    aggdirectargs:node args:node aggorder:node aggdistinct:node aggfilter:node aggstar:bool aggvariadic:bool
    aggkind:char aggpresorted:bool@16+ agglevelsup aggsplit aggno aggtransno location
ALIAS aliasname:name colnames:node
ARRAYCOERCEEXPR arg:node elemexpr:node resulttype:type resulttypmod resultcollid:oid coerceformat location
ARRAYEXPR array_typeid:type array_collid:oid element_typeid:type elements:node multidims:bool list_start@18+
    list_end@18+ location
BOOLEANTEST arg:node booltesttype location
BOOLEXPR boolop:word args:node location
CASEEXPR casetype:type casecollid:oid arg:node args:node defresult:node location
CASETESTEXPR typeId:type typeMod collation:oid
CASEWHEN expr:node result:node location
COALESCEEXPR coalescetype:type coalescecollid:oid args:node location
COERCETODOMAIN arg:node resulttype:type resulttypmod resultcollid:oid coercionformat location
COERCEVIAIO arg:node resulttype:type resultcollid:oid coerceformat location
COLLATEEXPR arg:node collOid:oid location
COMMONTABLEEXPR ctename:name aliascolnames:node ctematerialized ctequery:node search_clause:node
    cycle_clause:node location cterecursive:bool cterefcount ctecolnames:node ctecoltypes:types
    ctecoltypmods:node ctecolcollations:node
CONST consttype:type consttypmod constcollid:oid constlen constbyval:bool constisnull:bool location
    constvalue:datum
CONVERTROWTYPEEXPR arg:node resulttype:type convertformat location
CTECYCLECLAUSE cycle_col_list:node cycle_mark_column:name cycle_mark_value:node cycle_mark_default:node
    cycle_path_column:name location cycle_mark_type:type cycle_mark_typmod cycle_mark_collation:oid
    cycle_mark_neop:operator
CTESEARCHCLAUSE search_col_list:node search_breadth_first:bool search_seq_column:name location
CURRENTOFEXPR cvarno cursor_name:name cursor_param
DISTINCTEXPR opno:operator opfuncid:function opresulttype:type opretset:bool opcollid:oid inputcollid:oid
    args:node location
FIELDSELECT arg:node fieldnum resulttype:type resulttypmod resultcollid:oid
FIELDSTORE arg:node newvals:node fieldnums:node resulttype:type
FROMEXPR fromlist:node quals:node
FUNCEXPR funcid:function funcresulttype:type funcretset:bool funcvariadic:bool funcformat funccollid:oid
    inputcollid:oid args:node location
GROUPINGFUNC args:node refs:node cols:node agglevelsup location
GROUPINGSET kind content:node location
INFERENCEELEM expr:node infercollid:oid inferopclass:oid
JOINEXPR jointype isNatural:bool larg:node rarg:node usingClause:node join_using_alias:node quals:node
    alias:node rtindex
JSONBEHAVIOR@17+ btype expr:node coerce:bool location
JSONCONSTRUCTOREXPR@16+ type args:node func:node coercion:node returning:node absent_on_null:bool unique:bool
    location
JSONEXPR@17+ op column_name:name formatted_expr:node format:node path_spec:node returning:node
    passing_names:node passing_values:node on_empty:node on_error:node use_io_coercion:bool
    use_json_coercion:bool wrapper omit_quotes:bool collation:oid location
JSONFORMAT@16+ format_type encoding location
JSONISPREDICATE@16+ expr:node format:node item_type unique_keys:bool location
JSONRETURNING@16+ format:node typid:type typmod
JSONTABLEPATH@17+ value:node name:name
JSONTABLEPATHSCAN@17+ path:node errorOnError:bool child:node colMin colMax
JSONTABLESIBLINGJOIN@17+ lplan:node rplan:node
JSONVALUEEXPR@16+ raw_expr:node formatted_expr:node format:node
MERGEACTION matched:bool@15-16 matchKind@17+ commandType override qual:node targetList:node updateColnos:node
MERGESUPPORTFUNC@17+ msftype:type msfcollid:oid location
MINMAXEXPR minmaxtype:type minmaxcollid:oid inputcollid:oid op args:node location
NAMEDARGEXPR arg:node name:name argnumber location
NEXTVALUEEXPR seqid:relation typeId:type
NULLIFEXPR opno:operator opfuncid:function opresulttype:type opretset:bool opcollid:oid inputcollid:oid
    args:node location
NULLTEST arg:node nulltesttype argisrow:bool location
ONCONFLICTEXPR action arbiterElems:node arbiterWhere:node constraint:oid onConflictSet:node
    onConflictWhere:node exclRelIndex exclRelTlist:node
OPEXPR opno:operator opfuncid:function opresulttype:type opretset:bool opcollid:oid inputcollid:oid args:node
    location
PARAM paramkind paramid paramtype:type paramtypmod paramcollid:oid location
QUERY commandType querySource canSetTag:bool utilityStmt:node resultRelation hasAggs:bool hasWindowFuncs:bool
    hasTargetSRFs:bool hasSubLinks:bool hasDistinctOn:bool hasRecursive:bool hasModifyingCTE:bool
    hasForUpdate:bool hasRowSecurity:bool hasGroupRTE:bool@18+ isReturn:bool cteList:node rtable:node
    rteperminfos:node@16+ jointree:node mergeActionList:node@16+ mergeUseOuterJoin:bool@16
    mergeTargetRelation@17+ mergeJoinCondition:node@17+ targetList:node override onConflict:node
    returningOldAlias:name@18+ returningNewAlias:name@18+ returningList:node groupClause:node
    groupDistinct:bool groupingSets:node havingQual:node windowClause:node distinctClause:node sortClause:node
    limitOffset:node limitCount:node limitOption rowMarks:node setOperations:node constraintDeps:node
    withCheckOptions:node mergeActionList:node@15 mergeUseOuterJoin:bool@15 stmt_location stmt_len
RANGETBLFUNCTION funcexpr:node funccolcount funccolnames:node funccoltypes:types funccoltypmods:node
    funccolcollations:node funcparams:bits
RANGETBLREF rtindex
RELABELTYPE arg:node resulttype:type resulttypmod resultcollid:oid relabelformat location
RETURNINGEXPR@18+ retlevelsup retold:bool retexpr:node
ROWCOMPAREEXPR rctype@15-17 cmptype@18+ opnos:operators opfamilies:node inputcollids:node largs:node
    rargs:node
ROWEXPR args:node row_typeid:type row_format colnames:node location
ROWMARKCLAUSE rti strength waitPolicy pushedDown:bool
RTEPERMISSIONINFO@16+ relid:relation inh:bool requiredPerms checkAsUser:oid selectedCols:bits
    insertedCols:bits updatedCols:bits
SCALARARRAYOPEXPR opno:operator opfuncid:function hashfuncid:function negfuncid:function useOr:bool
    inputcollid:oid args:node location
SETOPERATIONSTMT op all:bool larg:node rarg:node colTypes:types colTypmods:node colCollations:node
    groupClauses:node
SORTGROUPCLAUSE tleSortGroupRef eqop:operator sortop:operator reverse_sort:bool@18+ nulls_first:bool
    hashable:bool
SQLVALUEFUNCTION op type:type typmod location
SUBLINK subLinkType subLinkId testexpr:node operName:node subselect:node location
SUBSCRIPTINGREF refcontainertype:type refelemtype:type refrestype:type reftypmod refcollid:oid
    refupperindexpr:node reflowerindexpr:node refexpr:node refassgnexpr:node
TABLEFUNC functype@17+ ns_uris:node ns_names:node docexpr:node rowexpr:node colnames:node coltypes:types
    coltypmods:node colcollations:node colexprs:node coldefexprs:node colvalexprs:node@17+
    passingvalexprs:node@17+ notnulls:bits plan:node@17+ ordinalitycol location
TABLESAMPLECLAUSE tsmhandler:function args:node repeatable:node
TARGETENTRY expr:node resno resname:name ressortgroupref resorigtbl:relation resorigcol resjunk:bool
VAR varno varattno vartype:type vartypmod varcollid:oid varnullingrels:bits@16+ varlevelsup
    varreturningtype@18+ varnosyn varattnosyn location
WINDOWCLAUSE name:name refname:name partitionClause:node orderClause:node frameOptions startOffset:node
    endOffset:node runCondition:node@15-16 startInRangeFunc:function endInRangeFunc:function inRangeColl:oid
    inRangeAsc:bool inRangeNullsFirst:bool winref copiedOrder:bool
WINDOWFUNC winfnoid:function wintype:type wincollid:oid inputcollid:oid args:node aggfilter:node
    runCondition:node@17+ winref winstar:bool winagg:bool location
WITHCHECKOPTION kind relname:name polname:name qual:node cascaded:bool
XMLEXPR op name:name named_args:node arg_names:node args:node xmloption indent:bool@16+ type:type typmod
    location
"""
"""TAG[@versions] field[:kind][@versions] …; kind is int if left out; versions are 16, 15-16 or 16+."""

_TABLE_ENTRY_START: Final = "alias:node eref:node rtekind"
_TABLE_ENTRY_MIDDLE: Final[Mapping[int, str]] = {
    0: "relid:relation inh:bool@17+ relkind:char rellockmode tablesample:node@15-16 perminfoindex@16+ "
    "tablesample:node@17+",
    1: "subquery:node security_barrier:bool relid:relation@16+ inh:bool@17+ relkind:char@16+ rellockmode@16+ "
    "perminfoindex@16+",
    2: "jointype joinmergedcols joinaliasvars:node joinleftcols:node joinrightcols:node join_using_alias:node",
    3: "functions:node funcordinality:bool",
    4: "tablefunc:node",
    5: "values_lists:node coltypes:types coltypmods:node colcollations:node",
    6: "ctename:name ctelevelsup self_reference:bool coltypes:types coltypmods:node colcollations:node",
    8: "",
    9: "groupexprs:node@18+",
}
"""By rtekind; 7 (a trigger's transition table) cannot be in a client's statement. 9 is new in 18."""
_TABLE_ENTRY_END: Final = (
    "lateral:bool inh:bool@15-16 inFromCl:bool requiredPerms@15 checkAsUser:oid@15 selectedCols:bits@15 "
    "insertedCols:bits@15 updatedCols:bits@15 extraUpdatedCols:bits@15 securityQuals:node"
)


class Layouts(NamedTuple):
    """What one server version prints."""

    nodes: Mapping[str, Layout]
    """By tag. A range table entry's are its first three fields only."""
    table_entries: Mapping[int, Layout]
    """The rest of a range table entry's fields, by rtekind."""


@cache
def layouts(server_version: int) -> Layouts:
    """The layouts of that version.

    Raises:
        KeyError: a version that is not in `VERSIONS`.
    """
    if server_version not in VERSIONS:
        raise KeyError(server_version)
    nodes: dict[str, Layout] = {TABLE_ENTRY: _layout(_TABLE_ENTRY_START, server_version)}
    for entry in _NODES.replace("\n    ", " ").strip().splitlines():
        head, fields = entry.split(" ", 1)
        tag, _, versions = head.partition("@")
        if _covers(versions, server_version):
            nodes[tag] = _layout(fields, server_version)
    entries = {
        kind: _layout(f"{middle} {_TABLE_ENTRY_END}", server_version)
        for kind, middle in _TABLE_ENTRY_MIDDLE.items()
        if kind != 9 or server_version >= 18
    }
    return Layouts(nodes, entries)


def _layout(text: str, server_version: int) -> Layout:
    fields: list[Field] = []
    for word in text.split():
        declared, _, versions = word.partition("@")
        name, _, kind = declared.partition(":")
        kind = kind or "int"
        if kind not in KINDS:
            raise ValueError(word)
        if _covers(versions, server_version):
            fields.append(Field(f":{name}".encode(), name, kind))  # type: ignore[arg-type]
    return tuple(fields)


def _covers(versions: str, server_version: int) -> bool:
    if not versions:
        return True
    if versions.endswith("+"):
        return server_version >= int(versions[:-1])
    first, _, last = versions.partition("-")
    return int(first) <= server_version <= int(last or first)
