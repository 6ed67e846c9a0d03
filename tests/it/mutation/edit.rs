//! Owns changing a document at a place, loudly when there is no such place.

use serde_json::Value;

pub(super) fn at<'a>(document: &'a mut Value, pointer: &str) -> &'a mut Value {
    document
        .pointer_mut(pointer)
        .unwrap_or_else(|| panic!("the contract has no {pointer}"))
}

pub(super) fn set(document: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    at(document, parent)[&key.replace("~1", "/")] = value;
}

pub(super) fn remove(document: &mut Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let object = at(document, parent).as_object_mut().unwrap();
    object
        .remove(&key.replace("~1", "/"))
        .unwrap_or_else(|| panic!("the contract has no {pointer}"))
}

pub(super) fn rename(document: &mut Value, pointer: &str, new_key: &str) {
    let (parent, _) = pointer.rsplit_once('/').unwrap();
    let value = remove(document, pointer);
    at(document, parent)[&new_key.replace("~1", "/")] = value;
}

pub(super) fn drop_item(document: &mut Value, pointer: &str, item: &str) {
    at(document, pointer)
        .as_array_mut()
        .unwrap()
        .retain(|value| value != item);
}
